import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isGroupError, resetOffsets, type ResetTarget, type StoredOffset } from '#src/index.js'
import { ZooKeeperClient } from '#src/coordinator/storage/zookeeper/client.js'
import {
  resetOffsets as resetInTransaction,
  type ResetPort,
  type ResetTargets,
} from '#src/coordinator/storage/zookeeper/offset-reset.js'
import { GroupPaths } from '#src/coordinator/storage/zookeeper/paths.js'
import { parseServer } from '#src/coordinator/storage/zookeeper/server-address.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../support/cleanup.ts'
import { jsonLines, kwg } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, produce, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { joinedProbe, openProbe, type StorageProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper, readOffsets, type ZooKeeperNode, type ZooKeeperView } from '../support/zookeeper.ts'

failOnLeaks()

/** Records of a minute each, so that a time tells them apart. */
const FIRST_MS = Date.UTC(2026, 0, 31, 12)
const APART_MS = 60_000
const PARTITIONS = [0, 1]

interface StoredGroup {
  readonly groupId: string
  readonly topic: string
  readonly zookeeper: ZooKeeperView
}

/** A group without members that has read two records of each partition's log, which reaches from `start` to 6. */
async function storedGroup(t: TestContext, start = 0): Promise<StoredGroup> {
  const groupId = uniqueGroup()
  const topic = await createTopic(t, { partitions: PARTITIONS.length })
  const timestamps = Array.from({ length: 6 }, (_, number) => String(FIRST_MS + number * APART_MS))
  const messages = timestamps.map(timestamp => ({ timestamp, value: 'v' }))
  await produce(
    topic,
    PARTITIONS.flatMap(partition => messages.map(message => ({ ...message, partition }))),
  )
  if (start > 0) await cutLogs(topic, start)
  const zookeeper = await openZooKeeper(t)
  for (const partition of PARTITIONS) {
    await zookeeper.write(`/consumers/${groupId}/offsets/${topic}/${partition}`, '2')
    await zookeeper.write(`/consumers/${groupId}/progress/${topic}/${partition}`, 'progress')
  }
  for (const name of ['ids', `owners/${topic}`]) await zookeeper.write(`/consumers/${groupId}/${name}`, '')
  return { groupId, topic, zookeeper }
}

async function cutLogs(topic: string, start: number): Promise<void> {
  const partitions = PARTITIONS.map(partition => ({ partition, offset: String(start) }))
  await withAdmin(sharedStack().brokers, async admin => {
    await admin.fetchTopicOffsets(topic) // kafkajs deletes only from topics it has heard of
    await admin.deleteTopicRecords({ topic, partitions })
  })
}

function reset(
  { groupId, topic }: Pick<StoredGroup, 'groupId' | 'topic'>,
  to: ResetTarget,
  partitions?: number[],
): ReturnType<typeof resetOffsets> {
  const { zookeeper } = sharedStack()
  return resetOffsets({ groupId, topic, to, partitions, zookeeper, logger: silentLogger })
}

/** Every node of a group, with everything that a write would change. */
async function nodesOf(
  { zookeeper, groupId }: StoredGroup,
  below = '',
): Promise<[path: string, node: ZooKeeperNode | undefined][]> {
  const path = `/consumers/${groupId}${below}`
  const children = await zookeeper.list(path)
  const nodes = await Promise.all(
    children.map(child => nodesOf({ zookeeper, groupId, topic: '' }, `${below}/${child}`)),
  )
  return [[path, await zookeeper.read(path)], ...nodes.flat()]
}

function flagsOf({ groupId, topic }: StoredGroup, to: string): string[] {
  return ['--group', groupId, '--topic', topic, '--to', to, '--zookeeper', sharedStack().zookeeper]
}

/** Where a member of the group starts, by partition, and that it goes on from there to the end of the logs. */
async function startsOf(t: TestContext, { groupId, topic }: StoredGroup, records: number): Promise<number[]> {
  const ledger = new Ledger(t)
  const { zookeeper } = sharedStack()
  const options = { groupId, topics: [topic], zookeeper, offsetReset: 'none' } as const
  const member = await runMember(t, ledger.handler(), options)
  await handled(member, records)
  await member.stop()
  assert.equal(ledger.count, records)
  const offsetsOf = (number: number): number[] =>
    ledger.read().flatMap(({ partition, offset }) => (partition === number ? [offset] : []))
  return PARTITIONS.map(partition => Math.min(...offsetsOf(partition)))
}

describe('kwg offsets reset', () => {
  it('lets the next member start exactly there: at an end of the log, an offset or a time', async t => {
    const group = await storedGroup(t, 1)
    const { groupId, topic } = group
    const inWords = (from: number, to: number): object[] =>
      PARTITIONS.map(partition => ({ topic, partition, from, to }))

    const earliest = await kwg('offsets', 'reset', ...flagsOf(group, 'earliest'), '--json')
    assert.equal(earliest.code, 0, earliest.stderr)
    assert.deepEqual(jsonLines(earliest.stdout), inWords(2, 1))
    assert.deepEqual(await startsOf(t, group, 10), [1, 1])

    const third = new Date(FIRST_MS + 2 * APART_MS + 1).toISOString()
    const time = await kwg('offsets', 'reset', ...flagsOf(group, third))
    const rows = time.stdout.split('\n').map(row => row.split(/ {2,}/))
    assert.deepEqual(rows, [
      ['topic', 'partition', 'from', 'to'],
      [topic, '0', '6', '3'],
      [topic, '1', '6', '3'],
      [''],
    ])
    assert.deepEqual(await startsOf(t, group, 6), [3, 3])

    assert.deepEqual(await reset(group, 4, [1]), inWords(6, 4).slice(1))
    assert.deepEqual(await readOffsets(groupId, topic), [6, 4])
    assert.deepEqual(await reset(group, 5n), [
      { topic, partition: 0, from: 6, to: 5 },
      { topic, partition: 1, from: 4, to: 5 },
    ])
    assert.deepEqual(await startsOf(t, group, 2), [5, 5])

    await reset(group, 'earliest')
    assert.deepEqual(await reset(group, '2999-01-01T00:00:00+01:00'), inWords(1, 6)) // no record is that late
    assert.deepEqual(await reset(group, 'latest'), inWords(6, 6))
    for (const partition of PARTITIONS) await produce(topic, [{ partition, value: 'new' }])
    assert.deepEqual(await startsOf(t, group, 2), [6, 6])
  })

  it('is refused while a member lives, which it names, and changes nothing; then it keeps every offset node', async t => {
    const group = await storedGroup(t)
    const { groupId, topic, zookeeper } = group
    const member = await joinedProbe(t, { groupId, memberId: 'the-member' })
    const before = await nodesOf(group)
    const { code, stdout, stderr } = await kwg('offsets', 'reset', ...flagsOf(group, 'latest'), '--json')
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^kwg: GROUP_HAS_MEMBERS: the group has members: the-member .* stop them first.*\n$/)
    assert.deepEqual(await nodesOf(group), before)

    await member.storage.close()
    await reset(group, 'latest')
    const offsets = await Promise.all(
      PARTITIONS.map(partition => zookeeper.read(`/consumers/${groupId}/offsets/${topic}/${partition}`)),
    )
    const nodesBefore = new Map(before)
    for (const [partition, node] of offsets.entries()) {
      const path = `/consumers/${groupId}/offsets/${topic}/${partition}`
      const old = nodesBefore.get(path)
      assert.deepEqual([node?.text, node?.czxid], ['6', old?.czxid], path)
    }
    assert.deepEqual(await zookeeper.list(`/consumers/${groupId}/ids`), [])
    assert.deepEqual(await zookeeper.list(`/consumers/${groupId}/owners/${topic}`), [])
    for (const name of ['ids', `owners/${topic}`])
      assert.equal((await zookeeper.read(`/consumers/${groupId}/${name}`))?.text, '', name)
  })

  it('is refused while something owns a partition, though it is no member', async t => {
    const group = await storedGroup(t)
    const path = `/consumers/${group.groupId}/owners/${group.topic}/1`
    await group.zookeeper.write(path, 'somebody-0')
    const before = await nodesOf(group)
    const message = new RegExp(`${path} says that "somebody-0" owns`)
    await assert.rejects(reset(group, 'earliest'), { code: 'GROUP_HAS_MEMBERS', message })
    assert.deepEqual(await nodesOf(group), before)
  })

  it('names what is wrong before it writes anything: group, topic, partition, offset', async t => {
    const group = await storedGroup(t, 1)
    const { groupId, topic, zookeeper } = group
    const before = await nodesOf(group)
    const refused = (work: Promise<unknown>, code: string, message: RegExp): Promise<void> =>
      assert.rejects(work, { code, message })
    const range = new RegExp(`offset 0 is outside .* ${topic}/0 \\(1 to 6\\), ${topic}/1 \\(1 to 6\\);`)
    await refused(
      reset({ groupId: 'nobody', topic }, 'latest'),
      'GROUP_NOT_FOUND',
      /"nobody".*\/consumers\/nobody;/,
    )
    await refused(
      reset({ groupId, topic: 'no-such' }, 'latest'),
      'TOPIC_NOT_FOUND',
      /"no-such" does not exist/,
    )
    await refused(reset(group, 'latest', [0, 7]), 'PARTITION_NOT_FOUND', /no partition 7: it has 0 to 1/)
    await refused(reset(group, 0), 'OFFSET_OUT_OF_RANGE', range)
    await refused(reset(group, 7, [1]), 'OFFSET_OUT_OF_RANGE', /offset 7 is outside .*\(1 to 6\)/)
    assert.deepEqual(await nodesOf(group), before)
    assert.deepEqual(await zookeeper.list('/consumers/nobody'), [])
    assert.deepEqual(await zookeeper.list(`/consumers/${groupId}/offsets`), [topic])
  })

  it('repairs an offset that cannot be read, and makes nodes of a topic that the group is new to', async t => {
    const group = await storedGroup(t)
    const { groupId, topic, zookeeper } = group
    await zookeeper.write(`/consumers/${groupId}/offsets/${topic}/0`, 'twelve')
    await zookeeper.remove(`/consumers/${groupId}/offsets/${topic}/1`)
    await zookeeper.remove(`/consumers/${groupId}/owners`)
    await zookeeper.remove(`/consumers/${groupId}/ids`)
    const nothing = PARTITIONS.map(partition => ({ topic, partition, from: null, to: 6 }))
    assert.deepEqual(await reset(group, 'latest'), nothing)
    assert.deepEqual(await readOffsets(groupId, topic), [6, 6])
  })

  it('of a few partitions is refused while others have no offset: it would change where those start', async t => {
    const group = await storedGroup(t)
    const { groupId, topic, zookeeper } = group
    await zookeeper.remove(`/consumers/${groupId}/offsets/${topic}/0`)
    const before = await readOffsets(groupId, topic)
    const error = await rejection(reset(group, 'latest', [1]), 'OFFSET_MISSING')
    assert.deepEqual(error.details, { topic, partitions: [0] })
    assert.deepEqual(await readOffsets(groupId, topic), before)
  })
})

describe('a reset and a member that starts at the same moment', () => {
  it('never mix: either the reset is refused, or the member starts at all the new offsets', async t => {
    const resetter = await openProbe(t)
    let refusals = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      // Without an offset before, the member stores its own at the same time.
      const old = round % 2 === 0 ? null : OLD
      const { groupId, member, zookeeper } = await aboutToStart(t, old)
      const [wasReset, starts] = await Promise.all([
        delay(Math.max(0, ROUNDS / 2 - round))
          .then(() => resetter.storage.resetOffsets(groupId, all('t', targets(NEW))))
          .then(
            () => true,
            (error: unknown) => error,
          ),
        delay(Math.max(0, round - ROUNDS / 2)).then(() => startsOfMember(member)),
      ])
      if (wasReset !== true) {
        refusals += 1
        assert.ok(isGroupError(wasReset, 'GROUP_HAS_MEMBERS'), String(wasReset))
      }
      const expected = RACED.map(() => (wasReset === true ? NEW : OLD))
      assert.deepEqual(starts, expected, `round ${round}`)
      assert.deepEqual(await readOffsets(groupId, 't'), expected, `round ${round}`)
      await member.storage.close()
      await zookeeper.remove(`/consumers/${groupId}`)
    }
    t.diagnostic(`${ROUNDS} races: ${refusals} resets refused, ${ROUNDS - refusals} done`)
  })

  const comers: [who: string, come: (member: StorageProbe, zookeeper: ZooKeeperView) => Promise<unknown>][] =
    [
      ['a member that has joined', member => member.join()],
      ['a member that has claimed', startsOfMember],
      [
        'an owner that is no member',
        ({ groupId }, zookeeper) => zookeeper.write(`/consumers/${groupId}/owners/t/1`, 'somebody-0'),
      ],
    ]
  for (const [who, come] of comers) {
    it(`meet in the transaction: ${who} since the reset looked makes it fail, with nothing changed`, async t => {
      const { groupId, member, zookeeper } = await aboutToStart(t, OLD)
      const client = await openClient(t)
      let sent = 0
      const port: ResetPort = {
        read: work => work(client),
        writer: () => async ops => {
          sent += 1
          await come(member, zookeeper)
          return client.multi(ops)
        },
      }
      const reset = resetInTransaction(port, new GroupPaths('', groupId), all('t', targets(NEW)))
      await assert.rejects(reset, { code: 'GROUP_HAS_MEMBERS' })
      assert.equal(sent, 1)
      assert.deepEqual(
        await readOffsets(groupId, 't'),
        targets(OLD).map(({ offset }) => offset),
      )
    })
  }
})

describe('a reset of thousands of partitions', () => {
  it('is one transaction, and refused before anything is written if ZooKeeper would not take it', async t => {
    const { storage, groupId } = await openProbe(t)
    const zookeeper = await openZooKeeper(t)
    await zookeeper.write(`/consumers/${groupId}/ids`, '')
    const topic = 'uploads-of-customers'
    const thousands = (of: string, offset: number): StoredOffset[] =>
      [...Array(THOUSANDS).keys()].map(partition => ({ topic: of, partition, offset }))
    const startMs = performance.now()
    await storage.resetOffsets(groupId, all(topic, thousands(topic, 1_000_000_000)))
    t.diagnostic(`${THOUSANDS} partitions in ${(performance.now() - startMs).toFixed(0)} ms`)
    const stored = await storage.readOffsets(groupId, [topic])
    assert.deepEqual(stored, thousands(topic, 1_000_000_000))
    const long = 'x'.repeat(249)
    await assert.rejects(storage.resetOffsets(groupId, all(long, thousands(long, 0))), {
      code: 'ZOOKEEPER_REFUSED',
      message: /a transaction of \d+ bytes.*nothing was changed: reset them in parts/,
    })
    assert.deepEqual(await zookeeper.list(`/consumers/${groupId}/offsets`), [topic])
  })
})

const ROUNDS = 20
const RACED = [0, 1, 2]
const [OLD, NEW] = [3, 8]
const THOUSANDS = 3_000
const TOPIC_ID = 'a-topic-id-of-22-chars'

function all(topic: string, offsets: readonly StoredOffset[]): ResetTargets {
  return { topic, topicId: TOPIC_ID, offsets }
}

function targets(offset: number): StoredOffset[] {
  return RACED.map(partition => ({ topic: 't', partition, offset }))
}

/** A member that is connected, and what its group has stored. */
async function aboutToStart(
  t: TestContext,
  stored: number | null,
): Promise<{ groupId: string; member: StorageProbe; zookeeper: ZooKeeperView }> {
  const member = await openProbe(t)
  const { groupId } = member
  const zookeeper = await openZooKeeper(t)
  for (const name of ['ids', 'owners/t']) await zookeeper.write(`/consumers/${groupId}/${name}`, '')
  if (stored !== null)
    for (const partition of RACED)
      await zookeeper.write(`/consumers/${groupId}/offsets/t/${partition}`, `${stored}`)
  return { groupId, member, zookeeper }
}

/** What a member does of which it starts: joins, stores offsets where there are none, claims. */
async function startsOfMember(member: StorageProbe): Promise<(number | null)[]> {
  await member.join()
  await member.storage.pinStartOffsets(targets(OLD).map(one => ({ ...one, topicId: null })))
  const claims = await Promise.all(RACED.map(partition => member.claim(partition)))
  return claims.map(claim => claim.committedOffset)
}

async function openClient(t: TestContext): Promise<ZooKeeperClient> {
  const servers = sharedStack().zookeeper.split(',').map(parseServer)
  const listener = { connected() {}, disconnected() {}, expired() {}, written() {} }
  const client = new ZooKeeperClient({ servers, sessionTimeoutMs: 6_000, logger: silentLogger }, listener)
  atEnd(t, () => client.close(1_000))
  client.connect()
  await eventually(() => client.connected, { message: 'connected' })
  return client
}
