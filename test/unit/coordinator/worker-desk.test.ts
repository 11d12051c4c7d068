import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OwnedPartition } from '#src/coordinator/owned-partition.js'
import type { PartitionSet } from '#src/coordinator/partition-set.js'
import { WorkerDesk, type WorkerDeskParts } from '#src/coordinator/worker-desk.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { toWire } from '#src/shared/error-wire.js'
import { GroupError } from '#src/shared/errors.js'
import type { WorkerMessage } from '#src/shared/protocol.js'

const THREAD = null as unknown as WorkerThread
const EPOCH = 7n

/** The desk of a member that holds partition 0 of `t` by a claim of epoch 7; and all that reaches the coordinator. */
function desk(): { desk: WorkerDesk; heard: string[] } {
  const heard: string[] = []
  const partition = {
    claim: { epoch: EPOCH },
    fail: (error: GroupError) => heard.push(`failed ${error.code}`),
  } as unknown as OwnedPartition
  const partitions = {
    get: ({ partition: number }: { partition: number }) => (number === 0 ? partition : undefined),
  } as unknown as PartitionSet
  const report = (error: GroupError): void => void heard.push(`reported ${error.code}`)
  return { desk: new WorkerDesk({ partitions, report } as unknown as WorkerDeskParts), heard }
}

function message(type: 'lane-failed' | 'lane-troubled', epoch: bigint, partition = 0): WorkerMessage {
  const error = toWire(new GroupError('HANDLER_FAILED', 'no'))
  return { type, lane: { topic: 't', partition, epoch, lane: 0 }, error }
}

describe('what a lane says', () => {
  it('reaches the claim that it runs under', () => {
    const { desk: one, heard } = desk()
    one.message(THREAD, message('lane-troubled', EPOCH))
    one.message(THREAD, message('lane-failed', EPOCH))
    assert.deepEqual(heard, ['reported HANDLER_FAILED', 'failed HANDLER_FAILED'])
  })

  it('of an earlier claim of the partition, or of one that is not held any more, reaches nobody', () => {
    const { desk: one, heard } = desk()
    for (const late of [message('lane-failed', EPOCH - 1n), message('lane-failed', EPOCH, 1)])
      one.message(THREAD, late)
    one.message(THREAD, message('lane-troubled', EPOCH - 1n))
    assert.deepEqual(heard, [])
  })
})
