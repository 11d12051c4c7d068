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

function create() {
  const memory = LaneMemory.create(50)
  const aftermath = new Aftermath()
  const partition = {
    ...{ topic: 't', partition: 0 },
    inHandOn: () => inHandOfLane(memory, aftermath),
  } as unknown as OwnedPartition
  const reported: GroupError[] = []
  const inquests = new ThreadInquests({
    partitions: () => [partition],
    retry: { attempts: 3, backoffMs: 1, maxBackoffMs: 1, jitter: 0 },
    handlerTimeoutMs: 100,
    report: error => void reported.push(error),
    attemptFailed: () => {},
  } satisfies ThreadInquestsHost)
  return { memory, partition, reported, inquests }
}

describe('the inquest into a thread that was ended because a record took too long', () => {
  it('blames the record that still is in hand', () => {
    const { memory, partition, reported, inquests } = create()
    memory.setInHand('slice')
    inquests.cut(THREAD, [{ partition, offset: 50 }])
    assert.deepEqual(memory.remainder, { frontier: 51, inHand: [{ offset: 50, attempts: 1 }] })
    assert.match(reported[0]!.message, /attempt 1 of t\/0 at offset 50 took longer/)
  })

  it('blames nobody where the record has ended by then, and names nobody', () => {
    const { memory, partition, reported, inquests } = create()
    memory.advanceFloor(51)
    inquests.cut(THREAD, [{ partition, offset: 50 }])
    assert.equal(memory.remainder, null)
    assert.match(reported[0]!.message, /it has ended by now, in time to be no failed attempt$/)
  })
})
