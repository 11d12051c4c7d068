import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { TopicDescription } from '#src/coordinator/kafka/cluster.js'
import { encodeIdNode } from '#src/coordinator/assignment/id-node.js'
import { normally, THIS_PROCESS } from '#src/coordinator/progress/open-claim.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import { StartOffsets, type StartOffsetsParts } from '#src/coordinator/partitions/start-offsets.js'
import type { Claim, MemberNode, StoredOffset } from '#src/coordinator/storage/group-storage.js'
import { GroupError } from '#src/shared/errors.js'
import type { OffsetReset } from '#src/options/types.js'
import type { TopicPartition } from '#src/shared/types.js'
import { rejection } from '../../../support/group-error.ts'
import { processDeaths } from '../../../support/process-deaths.ts'

const EARLIEST = 3
const LATEST = 70

const NOBODY: ReadonlySet<string> = new Set()
const CLAIM: Claim = {
  topic: 't',
  partition: 0,
  epoch: 1n,
  committedOffset: 50,
  progress: progressAt(50, 'old', normally()),
  progressFault: null,
}

describe('the start of a claim', () => {
  let log: string[]
  let reports: GroupError[]
  let members: MemberNode[]
  let stored: StoredOffset[]
  /** Whose leaders do not answer those who make do without. */
  let silent: number[]
  /** Topic ids as the brokers name them, one after the other; the last one stands. */
  let ids: (string | null)[]

  /** As the storage names it, where it keeps topics. */
  let storedTopicId: string | null

  beforeEach(() => {
    log = []
    reports = []
    stored = []
    silent = []
    storedTopicId = null
    ids = ['old']
    members = ['', 'junk', encodeIdNode({ memberId: 'm', subscription: { t: 1 } }, 0)].map((data, index) => ({
      memberId: `m${index}`,
      data: Buffer.from(data),
      czxid: BigInt(index),
    }))
  })

  function create(offsetReset: OffsetReset = 'latest', partitionsAtStart = 4): StartOffsets {
    const list = async (
      partitions: readonly TopicPartition[],
      at: unknown,
    ): Promise<(TopicPartition & { offset: number })[]> =>
      partitions.map(one => ({ ...one, offset: at === 'earliest' ? EARLIEST : LATEST }))
    const parts: StartOffsetsParts = {
      storage: {
        readMembers: async () => {
          log.push('read members')
          return { members, version: { czxid: 0n, cversion: 0 } }
        },
        readStored: async () => stored,
        readOffsetsOf: async () => stored,
        readTopics: async () =>
          storedTopicId === null ? null : [{ topic: 't', partitions: 4, topicId: storedTopicId }],
        pinStartOffsets: async pins => {
          for (const { partition, offset, topicId } of pins) log.push(`pin ${partition} ${offset} ${topicId}`)
        },
        commit: async (_, offset, progress) => void log.push(`commit ${offset} ${progress?.topicId}`),
      },
      cluster: {
        listOffsets: list,
        listOffsetsInTime: (partitions, at) =>
          list(
            partitions.filter(({ partition }) => !silent.includes(partition)),
            at,
          ),
        topicIdOf: () => ids[0]!,
        refresh: async () => {
          log.push('refresh')
          if (ids.length > 1) ids.shift()
        },
      },
      report: error => reports.push(error),
    }
    const starts = new StartOffsets({ groupId: 'g', offsetReset, readCommitted: true }, parts)
    starts.startWith([{ topic: 't', partitions: Array(partitionsAtStart) } as unknown as TopicDescription])
    return starts
  }

  it('is what is stored, and nothing is written', async () => {
    assert.deepEqual(await create().resolveStart(CLAIM), {
      offset: 50,
      progress: CLAIM.progress,
      alive: NOBODY,
    })
    assert.deepEqual([log, reports], [[], []])
  })

  it('is the first record of a topic that was made again, whatever the policy says', async () => {
    ids = ['new']
    storedTopicId = 'new'
    for (const policy of ['latest', 'none'] as const)
      assert.deepEqual(await create(policy).resolveStart(CLAIM), {
        offset: EARLIEST,
        progress: progressAt(EARLIEST, 'new', normally()),
        alive: NOBODY,
      })
    assert.deepEqual(log.slice(0, 2), ['refresh', `commit ${EARLIEST} new`])
    const [error] = reports
    assert.deepEqual(error!.details, { topic: 't', partition: 0, oldTopicId: 'old', newTopicId: 'new' })
    assert.equal(error!.code, 'TOPIC_RECREATED')
    assert.equal(error!.retryable, true)
  })

  it('asks the brokers again before it takes a topic for another one: others may know it earlier', async () => {
    ids = ['older', 'old']
    assert.deepEqual(await create().resolveStart(CLAIM), {
      offset: 50,
      progress: CLAIM.progress,
      alive: NOBODY,
    })
    assert.deepEqual([log, reports], [['refresh'], []])
  })

  it('is not taken from a broker that is behind: the claim is to be tried again, with nothing told or stored', async () => {
    ids = ['older']
    storedTopicId = 'old'
    const error = await rejection(create().resolveStart(CLAIM), 'BROKER_DISCONNECTED')
    assert.equal(error.retryable, true)
    assert.deepEqual([log, reports], [['refresh', 'refresh', 'refresh'], []])
  })

  it('takes what brokers insist on where the storage keeps no topics', async () => {
    ids = ['older', 'older', 'old']
    assert.equal((await create().resolveStart(CLAIM)).offset, 50)
    ids = ['new']
    assert.equal((await create().resolveStart(CLAIM)).offset, EARLIEST)
    ids = ['old', 'new']
    assert.equal(
      (await create().resolveStart({ ...CLAIM, progress: progressAt(50, 'oldest') })).progress.topicId,
      'new',
    )
  })

  it('keeps the stored incarnation in mind of a topic that is not there at the moment', async () => {
    ids = [null]
    assert.deepEqual(await create().resolveStart(CLAIM), {
      offset: 50,
      progress: CLAIM.progress,
      alive: NOBODY,
    })
    assert.deepEqual(reports, [])
  })

  it('is the offset alone where no progress counts, and from then on it has some', async () => {
    const start = await create().resolveStart({ ...CLAIM, progress: null })
    assert.deepEqual(start, { offset: 50, progress: progressAt(50, 'old', normally()), alive: NOBODY })
    assert.deepEqual(log, ['commit 50 old'])
  })

  it('leaves a sign of the claim also where brokers have no topic ids', async () => {
    ids = [null]
    await create().resolveStart({ ...CLAIM, progress: null })
    assert.deepEqual(log, ['commit 50 null'])
  })

  it('keeps what is in hand and who has died when it learns the incarnation', async () => {
    const open = { ...normally(), deaths: processDeaths(1), isAtRest: true }
    const progress = { ...progressAt(51, null, open), inHand: [{ offset: 50, attempts: 2 }] }
    const start = await create().resolveStart({ ...CLAIM, progress })
    assert.deepEqual(start.progress, { ...progress, topicId: 'old' })
    assert.deepEqual(log, ['commit 50 old', 'read members'])
    assert.deepEqual(start.alive, new Set([THIS_PROCESS]))
  })

  it('does not ask who is alive if nobody seems to have died', async () => {
    const start = await create().resolveStart({
      ...CLAIM,
      progress: progressAt(50, 'old', normally()),
    })
    assert.deepEqual([start.alive.size, log], [0, []])
  })

  it('reports progress that cannot be read', async () => {
    const progressFault = new GroupError('PROGRESS_CORRUPT', '/consumers/g/progress/t/0')
    const start = await create().resolveStart({ ...CLAIM, progress: null, progressFault })
    assert.equal(start.offset, 50)
    assert.deepEqual(reports, [progressFault])
  })

  it('is what another member has pinned since the claim was read', async () => {
    stored = [{ topic: 't', partition: CLAIM.partition, offset: 77 }]
    const unpinned = { ...CLAIM, committedOffset: null, progress: null }
    assert.equal((await create().resolveStart(unpinned)).offset, 77)
  })

  it('takes in the end what brokers insist on against a storage that they may have left for good', async t => {
    let nowMs = 1_000
    t.mock.method(performance, 'now', () => nowMs)
    storedTopicId = 'old'
    ids = ['new']
    const starts = create()
    await rejection(starts.resolveStart(CLAIM), 'BROKER_DISCONNECTED')
    nowMs += 9_000
    await rejection(starts.resolveStart(CLAIM), 'BROKER_DISCONNECTED')
    nowMs += 2_000
    assert.deepEqual(await starts.resolveStart(CLAIM), {
      offset: EARLIEST,
      progress: progressAt(EARLIEST, 'new', normally()),
      alive: NOBODY,
    })
    assert.deepEqual(
      reports.map(({ code }) => code),
      ['TOPIC_RECREATED'],
    )
  })

  it('follows the policy where nothing is stored', async () => {
    const claim = { ...CLAIM, committedOffset: null, progress: null }
    assert.equal((await create().resolveStart(claim)).offset, LATEST)
    await assert.rejects(create('none').resolveStart(claim), { code: 'OFFSET_MISSING' })
    assert.deepEqual(log, [`commit ${LATEST} old`])
  })

  it('is the first record of each partition that came later, whichever of them is claimed first', async () => {
    const starts = create('latest', 1)
    for (const partition of [3, 2, 1]) {
      const claim = { ...CLAIM, partition, committedOffset: null, progress: null }
      assert.equal((await starts.resolveStart(claim)).offset, EARLIEST)
      stored.push({ topic: 't', partition, offset: EARLIEST })
    }
  })

  it('pins what is missing with the incarnation it belongs to', async () => {
    stored = [{ topic: 't', partition: 0, offset: 5 }]
    const starts = create('latest', 2)
    await starts.pinMissing([0, 1, 2].map(partition => ({ topic: 't', partition })))
    assert.deepEqual(log, [`pin 1 ${EARLIEST} old`, `pin 2 ${EARLIEST} old`])
    log.length = 0
    starts.topicAppearedLater('t')
    stored = []
    await starts.pinMissing([{ topic: 't', partition: 0 }], 100)
    assert.deepEqual(log, [`pin 0 ${EARLIEST} old`])
  })

  it('pins a new partition whose leader does not answer at its first offset: left out, it would pass for an old one', async () => {
    stored = [0, 1, 2, 3].map(partition => ({ topic: 't', partition, offset: 5 }))
    silent = [5]
    const all = [...Array(8).keys()].map(partition => ({ topic: 't', partition }))
    await create().pinMissing(all, 100)
    const pins = [4, 6, 7].map(partition => `pin ${partition} ${EARLIEST} old`)
    assert.deepEqual(log, [...pins, 'pin 5 0 old'])
  })

  it('leaves an old partition whose leader does not answer to its claim', async () => {
    silent = [1]
    await create('latest', 2).pinMissing(
      [0, 1].map(partition => ({ topic: 't', partition })),
      100,
    )
    assert.deepEqual(log, [`pin 0 ${LATEST} old`])
  })
})
