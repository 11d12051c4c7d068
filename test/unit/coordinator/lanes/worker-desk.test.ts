import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import { WorkerDesk, type WorkerDeskParts } from '#src/coordinator/lanes/worker-desk.js'
import type { OffsetReset } from '#src/options/types.js'
import { rejection } from '../../../support/group-error.ts'
import type { PartitionSet } from '#src/coordinator/partitions/partition-set.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { toWire } from '#src/shared/error-wire.js'
import { GroupError } from '#src/shared/errors.js'
import type { Announcement, LaneId, WorkerMessage } from '#src/shared/protocol.js'

const LANE = { topic: 't', partition: 0, epoch: 7n, lane: 0 }
const EARLIEST = 30
const LATEST = 90
const BEYOND = 150
/** As a broker may that hears of a new topic after the one that leads its partitions. */
const LATE = 3

describe('a position outside of the log', () => {
  let log: string[]
  let partition: Pick<OwnedPartition, 'topicId' | 'claim' | 'work'>
  /** Topic ids as the brokers name them, one after the other; the last one stands. */
  let ids: (string | null)[]

  beforeEach(() => {
    log = []
    partition = { topicId: 'old', claim: { epoch: 7n } as OwnedPartition['claim'], work: null }
    ids = ['old']
  })

  function resolve(position: number, offsetReset: OffsetReset): Promise<number> {
    const desk = new WorkerDesk({
      options: { offsetReset, fetch: { isolation: 'read_committed' } },
      cluster: {
        topicIdOf: () => ids[0]!,
        refresh: async () => {
          log.push('refresh')
          if (ids.length > 1) ids.shift()
        },
        listOffsets: async (_: unknown, at: string) => [{ offset: at === 'earliest' ? EARLIEST : LATEST }],
      },
      partitions: { get: () => partition },
      report: ({ code }: { code: string }) => void log.push(code),
      restart: (_: unknown, reason: string, offset?: number) =>
        void log.push(`restart at ${offset ?? 'its start'}: ${reason}`),
    } as unknown as WorkerDeskParts)
    return desk.resolveOutOfRange(LANE, position)
  }

  it('goes where the policy says, with an event', async () => {
    assert.equal(await resolve(10, 'earliest'), EARLIEST)
    assert.equal(await resolve(10, 'latest'), LATEST)
    assert.deepEqual(
      log.filter(entry => entry !== 'refresh'),
      ['OFFSET_OUT_OF_RANGE', 'OFFSET_OUT_OF_RANGE'],
    )
  })

  it('goes to the first record of a partition of which nothing was read, rather than to the end', async () => {
    assert.equal(await resolve(0, 'latest'), EARLIEST)
    await rejection(resolve(0, 'none'), 'OFFSET_OUT_OF_RANGE')
  })

  it('goes to the first record that is left when those behind it were read, rather than to the end', async () => {
    const reaching = (frontiers: number[]): void => {
      partition = {
        ...partition,
        work: { worked: () => ({ frontiers }) } as unknown as OwnedPartition['work'],
      }
    }
    reaching([10, 160])
    assert.equal(await resolve(10, 'latest'), EARLIEST)
    await rejection(resolve(BEYOND, 'latest'), 'OFFSET_OUT_OF_RANGE')
    assert.equal(log.at(-1), `restart at ${LATEST}: restarting at offset ${LATEST}`, 'the log ends before it')
    reaching([10, 10])
    assert.equal(await resolve(10, 'latest'), LATEST, 'nothing behind it was read')
    await rejection(resolve(10, 'none'), 'OFFSET_OUT_OF_RANGE')
  })

  it('is tried again where the log has it by then: its leader was behind, and nothing is skipped or handled again', async () => {
    for (const policy of ['latest', 'earliest', 'none'] as const)
      for (const position of [EARLIEST, 50, LATEST]) {
        const error = await rejection(resolve(position, policy), 'BROKER_DISCONNECTED')
        assert.equal(error.retryable, true, 'the lane rests')
      }
    assert.deepEqual(new Set(log), new Set(['refresh']))
    await rejection(resolve(LATEST + 1, 'none'), 'OFFSET_OUT_OF_RANGE')
    await rejection(resolve(EARLIEST - 1, 'none'), 'OFFSET_OUT_OF_RANGE')
  })

  it('restarts the partition where the policy says to go back', async () => {
    await rejection(resolve(BEYOND, 'earliest'), 'OFFSET_OUT_OF_RANGE')
    assert.equal(log.at(-1), `restart at ${EARLIEST}: restarting at offset ${EARLIEST}`)
  })

  it('restarts the partition of a topic that was made again, whatever the policy says', async () => {
    for (const policy of ['latest', 'earliest', 'none'] as const) {
      log = []
      ids = [...Array<string>(LATE).fill('old'), 'new']
      const error = await rejection(resolve(50, policy), 'TOPIC_RECREATED')
      assert.equal(error.retryable, true, 'the lane rests until it is drained')
      assert.deepEqual(log, [
        ...Array<string>(LATE).fill('refresh'),
        'restart at its start: its topic was made again',
      ])
    }
  })

  it('asks nobody about topics without ids', async () => {
    partition = { ...partition, topicId: null }
    assert.equal(await resolve(10, 'latest'), LATEST)
    assert.deepEqual(log, ['OFFSET_OUT_OF_RANGE'])
  })

  it('follows the policy for a topic that is not there at the moment', async () => {
    ids = [null]
    assert.equal(await resolve(10, 'latest'), LATEST)
  })
})

const THREAD = { threadId: 0 } as unknown as WorkerThread
/** It had the lane before. */
const OLD_THREAD = { threadId: 1 } as unknown as WorkerThread
const EPOCH = 7n

/** The desk of a member that holds partition 0 of `t` by a claim of epoch 7; and all that reaches the coordinator. */
function desk(): { desk: WorkerDesk; heard: string[] } {
  const heard: string[] = []
  const partition = {
    claim: { epoch: EPOCH },
    isOn: (thread: WorkerThread) => thread === THREAD,
    fail: (error: GroupError) => heard.push(`failed ${error.code}`),
    announce: async () => heard.push('announced'),
    aloneOver: async () => void heard.push('alone over'),
  } as unknown as OwnedPartition
  const partitions = {
    get: ({ partition: number }: { partition: number }) => (number === 0 ? partition : undefined),
  } as unknown as PartitionSet
  const report = (error: GroupError): void => void heard.push(`reported ${error.code}`)
  return { desk: new WorkerDesk({ partitions, report } as unknown as WorkerDeskParts), heard }
}

const ANNOUNCEMENT: Announcement = { from: 5, to: 6, isAlone: true, ranMs: 0, hasSuspects: false }

function lane(epoch = EPOCH, partition = 0): LaneId {
  return { topic: 't', partition, epoch, lane: 0 }
}

function message(type: 'lane-failed' | 'lane-troubled', epoch: bigint, partition = 0): WorkerMessage {
  const error = toWire(new GroupError('HANDLER_FAILED', 'no'))
  return { type, lane: lane(epoch, partition), error }
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

  it('about what it runs is heard of the thread that has the lane', async () => {
    const { desk: one, heard } = desk()
    await one.announce(THREAD, lane(), ANNOUNCEMENT)
    await one.aloneOver(THREAD, lane(), false)
    assert.deepEqual(heard, ['announced', 'alone over'])
  })

  it('arrives behind the answer to its drain: a thread that had the lane before neither lets it run alone nor ends that', async () => {
    const { desk: one, heard } = desk()
    await rejection(one.announce(OLD_THREAD, lane(), ANNOUNCEMENT), 'CLAIM_LOST')
    await one.aloneOver(OLD_THREAD, lane(), false)
    assert.deepEqual(heard, [])
  })

  it('of a record that stopped it on the thread before is told, but does not stop it on the next', () => {
    const { desk: one, heard } = desk()
    one.message(OLD_THREAD, message('lane-failed', EPOCH))
    assert.deepEqual(heard, ['reported HANDLER_FAILED'])
  })
})
