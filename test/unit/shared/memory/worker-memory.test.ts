import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'

describe('worker memory', () => {
  it('adds up busy time and shows what runs since when', () => {
    const worker = new WorkerMemory()
    const coordinator = new WorkerMemory(worker.buffer)
    worker.enter(1000.5)
    assert.equal(coordinator.read().running, true)
    assert.equal(coordinator.read().runningSinceMs, 1000.5)
    worker.leave(3.25)
    worker.enter(1010)
    worker.leave(1)
    assert.equal(coordinator.read().running, false)
    assert.equal(coordinator.read().busyMs, 4.25)
  })

  it('counts loop turns and keeps the last delay', () => {
    const worker = new WorkerMemory()
    worker.turned(1)
    worker.turned(2.5)
    assert.equal(worker.read().loopTurns, 2)
    assert.equal(worker.read().loopDelayMs, 2.5)
  })
})
