import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Aftermath } from '#src/coordinator/failures/aftermath.js'
import { ThreadInquests, type ThreadInquestsHost } from '#src/coordinator/failures/thread-inquests.js'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import { inHandOfLane } from '#src/coordinator/partitions/work/lane-in-hand.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import type { GroupError } from '#src/shared/errors.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'

const THREAD = { threadId: 3 } as unknown as WorkerThread

interface Owned {
  readonly memory: LaneMemory
  readonly partition: OwnedPartition
}

function createPartition(number: number): Owned {
  const memory = LaneMemory.create(50)
  const aftermath = new Aftermath()
  const partition = { topic: 't', partition: number, inHandOn: () => inHandOfLane(memory, aftermath) }
  return { memory, partition: partition as unknown as OwnedPartition }
}

function create() {
  const { memory, partition } = createPartition(0)
  const other = createPartition(1)
  const reported: GroupError[] = []
  const inquests = new ThreadInquests({
    partitions: () => [partition, other.partition],
    retry: { attempts: 3, backoffMs: 1, maxBackoffMs: 1, jitter: 0 },
    handlerTimeoutMs: 100,
    report: error => void reported.push(error),
    attemptFailed: () => {},
  } satisfies ThreadInquestsHost)
  return { memory, partition, other, reported, inquests }
}

describe('the inquest into a thread that was ended because a record took too long', () => {
  it('blames the record that still is in hand', () => {
    const { memory, partition, reported, inquests } = create()
    memory.setInHand('slice')
    inquests.cut(THREAD, [{ partition, offset: 50 }], true)
    assert.deepEqual(memory.remainder, { frontier: 51, inHand: [{ offset: 50, attempts: 1 }] })
    assert.match(reported[0]!.message, /attempt 1 of t\/0 at offset 50 took longer/)
  })

  it('says of one that blocked its thread nothing of a signal that it cannot have heard', () => {
    const messages = [true, false].map(isBlocked => {
      const { memory, partition, reported, inquests } = create()
      memory.setInHand(isBlocked ? 'slice' : 'timed-out')
      inquests.cut(THREAD, [{ partition, offset: 50 }], isBlocked)
      return reported[0]!.message
    })
    assert.match(messages[0]!, /and blocked its thread/)
    assert.match(messages[1]!, /and did not heed its signal/)
    assert.doesNotMatch(messages[0]!, /did not heed/)
  })

  it('blames each of several that did not heed their signals, and of several others none', () => {
    for (const inHand of ['timed-out', 'awaited'] as const) {
      const { memory, partition, other, reported, inquests } = create()
      for (const one of [memory, other.memory])
        if (inHand === 'awaited') one.setAwaited(1)
        else one.setInHand(inHand)
      const overdue = [partition, other.partition].map(one => ({ partition: one, offset: 50 }))
      inquests.cut(THREAD, overdue, inHand === 'awaited')
      const attempts = [memory, other.memory].map(one => one.remainder?.inHand[0]?.attempts ?? 0)
      assert.deepEqual(attempts, inHand === 'awaited' ? [0, 0] : [1, 1])
      assert.equal(reported.length, inHand === 'awaited' ? 1 : 2)
    }
  })

  it('blames nobody where the record has ended by then, and names nobody', () => {
    const { memory, partition, reported, inquests } = create()
    memory.advanceFloor(51)
    inquests.cut(THREAD, [{ partition, offset: 50 }], true)
    assert.equal(memory.remainder, null)
    assert.match(reported[0]!.message, /what ran has ended by now, in time to be no failed attempt$/)
  })
})
