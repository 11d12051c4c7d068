import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LaneBalancer } from '#src/coordinator/lanes/lane-balancer.js'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import type { PartitionWorkHost } from '#src/coordinator/partitions/work/partition-work.js'
import { SingleLane } from '#src/coordinator/partitions/work/single-lane.js'
import { ClaimProgress } from '#src/coordinator/progress/claim-progress.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { loggerInMemory } from '../../../support/logger-in-memory.ts'

const LOOK_MS = 500
/** One to compare with, and two that find the same. */
const LOOKS_UNTIL_MOVE = 3
const LANES = 4
/** Of these a lane's records wait whatever its thread does. */
const NO_LOAD = ['retry', 'dead-letter', 'suspect', 'failed', 'paused'] as const
const RULES = { attempts: 1, carefulForMs: 1 }

/** Two threads, of which one has all the lanes and is always busy, and the moves that are asked for. */
function startBalancer(t: TestContext, handledBefore = 0) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const threads = [0, 1].map(threadId => ({ threadId, isReady: true, memory: new WorkerMemory() }))
  const moves: Deferred<void>[] = []
  const memories = Array.from({ length: LANES }, () => LaneMemory.create(0))
  const partitions = memories.map((memory, partition) => {
    memory.setHighWatermark(1000)
    const progress = new ClaimProgress(progressAt(0, null), RULES)
    const work = new SingleLane(memory, progress, {} as PartitionWorkHost)
    const moveTo = (): Promise<void> => {
      moves.push(deferred())
      return moves.at(-1)!.promise
    }
    return {
      topic: 't',
      partition,
      work,
      handled: handledBefore,
      thread: threads[0],
      state: 'running',
      moveTo,
    }
  })
  const { logger, lines } = loggerInMemory()
  const balancer = new LaneBalancer(
    threads as unknown as WorkerThread[],
    () => partitions as unknown as OwnedPartition[],
    logger,
  )
  balancer.start()
  t.after(() => balancer.stop())
  const look = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      threads[0]!.memory.leave(LOOK_MS)
      t.mock.timers.tick(LOOK_MS)
      await nextTurn()
    }
  }
  return { look, moves, lines, memories }
}

describe('lane balancer', () => {
  it('moves a lane when a thread was behind on two looks in a row', async t => {
    const { look, moves } = startBalancer(t)
    await look(LOOKS_UNTIL_MOVE - 1)
    assert.equal(moves.length, 0)
    await look(1)
    assert.equal(moves.length, 1)
  })

  it('moves a lane that goes on where other lanes of its partition have left off', async t => {
    const { look, moves } = startBalancer(t, 1_000)
    await look(LOOKS_UNTIL_MOVE)
    assert.equal(moves.length, 1)
  })

  it('decides nothing while a move is under way, and then only from what it sees afterwards', async t => {
    const { look, moves } = startBalancer(t)
    await look(LOOKS_UNTIL_MOVE)
    await look(10) // the thread that is to give the lane up is inside a long handler
    moves[0]!.resolve()
    await nextTurn()
    assert.equal(moves.length, 1)
    await look(LOOKS_UNTIL_MOVE - 1)
    assert.equal(moves.length, 1)
    await look(1)
    assert.equal(moves.length, 2)
  })

  it('goes on after a move that failed, which it logs', async t => {
    const { look, moves, lines } = startBalancer(t)
    await look(LOOKS_UNTIL_MOVE)
    moves[0]!.reject(new Error('no such lane'))
    await nextTurn()
    assert.equal(lines.at(-1)!.err.message, 'no such lane')
    await look(LOOKS_UNTIL_MOVE)
    assert.equal(moves.length, 2)
  })

  it('waits only so long for a lane that does not leave: a stuck record holds up no other', async t => {
    const { look, moves } = startBalancer(t)
    await look(LOOKS_UNTIL_MOVE)
    let nowMs = performance.now() + 60_000
    t.mock.method(performance, 'now', () => (nowMs += 1))
    await look(LOOKS_UNTIL_MOVE)
    assert.equal(moves.length, 2)
  })

  for (const reason of NO_LOAD) {
    it(`takes a lane that waits (${reason}) for none that its thread has work for, however much is behind it`, async t => {
      const { look, moves, memories } = startBalancer(t)
      const [busy, ...waiting] = memories
      for (const memory of waiting) memory.setWaitsFor(reason)
      await look(2 * LOOKS_UNTIL_MOVE)
      assert.equal(moves.length, 0, 'there is one lane to be run, and it is where it is')
      assert.equal(busy!.read().waitsFor, '')
      waiting[0]!.setWaitsFor('')
      await look(LOOKS_UNTIL_MOVE)
      assert.equal(moves.length, 1, 'it waits no longer')
    })
  }
})
