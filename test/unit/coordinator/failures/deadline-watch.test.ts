import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { Aftermath } from '#src/coordinator/failures/aftermath.js'
import { DeadlineWatch } from '#src/coordinator/failures/deadline-watch.js'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import { inHandOfLane } from '#src/coordinator/partitions/work/lane-in-hand.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'

const TIMEOUT_MS = 1000
const LOOK_MS = 50

describe('the deadline watch', () => {
  let nowMs: number
  let cuts: { offsets: number[]; isBlocked: boolean }[]
  let lane: LaneMemory
  let worker: WorkerMemory
  let watch: DeadlineWatch

  beforeEach(() => {
    mock.timers.enable({ apis: ['setInterval'] })
    nowMs = 5000
    cuts = []
    lane = LaneMemory.create(7)
    worker = new WorkerMemory()
    const thread = { isRunning: true, memory: worker } as unknown as WorkerThread
    const partition = { inHandOn: () => inHandOfLane(lane, new Aftermath()) } as unknown as OwnedPartition
    watch = new DeadlineWatch(
      {
        threads: () => [thread],
        partitions: () => [partition],
        cut: (_, overdue, isBlocked) => cuts.push({ offsets: overdue.map(one => one.offset), isBlocked }),
      },
      TIMEOUT_MS,
      () => nowMs,
    )
    watch.start()
  })
  afterEach(() => {
    watch.stop()
    mock.timers.reset()
  })

  function pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += LOOK_MS) {
      nowMs += LOOK_MS
      mock.timers.tick(LOOK_MS)
    }
  }

  it('cuts a lane that blocks its thread soon after the timeout', () => {
    worker.enter(nowMs)
    lane.setInHand('slice')
    pass(TIMEOUT_MS)
    assert.deepEqual(cuts, [])
    pass(2 * LOOK_MS)
    assert.deepEqual(cuts[0], { offsets: [7], isBlocked: true })
  })

  it('spares one that goes on to its next record between two looks', () => {
    worker.enter(nowMs)
    lane.setInHand('slice')
    pass(TIMEOUT_MS + LOOK_MS)
    lane.advanceFloor(8)
    pass(LOOK_MS)
    assert.deepEqual(cuts, [])
  })

  it('counts from the record, not from the slice: those before it in the same one may have taken as long together', () => {
    worker.enter(nowMs)
    lane.setInHand('slice')
    for (const floor of [8, 9, 10]) {
      pass(TIMEOUT_MS - 2 * LOOK_MS)
      lane.advanceFloor(floor)
    }
    pass(TIMEOUT_MS)
    assert.deepEqual(cuts, [])
    pass(3 * LOOK_MS)
    assert.deepEqual(cuts[0], { offsets: [10], isBlocked: true })
  })

  it('counts from when something is in hand: what is opened before that takes its time', () => {
    worker.enter(nowMs)
    pass(TIMEOUT_MS)
    lane.setInHand('slice')
    pass(TIMEOUT_MS)
    assert.deepEqual(cuts, [])
    pass(3 * LOOK_MS)
    assert.deepEqual(cuts[0], { offsets: [7], isBlocked: true })
  })

  it('cuts an async handler that does not heed its signal when the grace is over, too', () => {
    lane.setAwaited(nowMs)
    pass(TIMEOUT_MS)
    lane.setInHand('timed-out')
    pass(TIMEOUT_MS)
    assert.deepEqual(cuts, [])
    pass(2 * LOOK_MS)
    assert.deepEqual(cuts[0], { offsets: [7], isBlocked: false })
  })

  it('holds nobody to account for the time in which the whole process stood still', () => {
    worker.enter(nowMs)
    lane.setInHand('slice')
    pass(LOOK_MS)
    nowMs += 60_000
    pass(TIMEOUT_MS)
    assert.deepEqual(cuts, [])
    pass(3 * LOOK_MS)
    assert.ok(cuts.length > 0)
  })
})
