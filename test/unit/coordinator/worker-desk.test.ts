import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { OwnedPartition } from '#src/coordinator/owned-partition.js'
import { WorkerDesk, type WorkerDeskParts } from '#src/coordinator/worker-desk.js'
import type { OffsetReset } from '#src/options/types.js'
import { rejection } from '../../support/group-error.ts'

const LANE = { topic: 't', partition: 0, epoch: 7n, lane: 0 }
const EARLIEST = 30
const LATEST = 90
/** As a broker may that hears of a new topic after the one that leads its partitions. */
const LATE = 3

describe('a position outside of the log', () => {
  let log: string[]
  let partition: Pick<OwnedPartition, 'topicId' | 'claim'>
  /** Topic ids as the brokers name them, one after the other; the last one stands. */
  let ids: (string | null)[]

  beforeEach(() => {
    log = []
    partition = { topicId: 'old', claim: { epoch: 7n } as OwnedPartition['claim'] }
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

  it('restarts the partition where the policy says to go back', async () => {
    await rejection(resolve(50, 'earliest'), 'OFFSET_OUT_OF_RANGE')
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
