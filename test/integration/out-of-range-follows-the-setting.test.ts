import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { RunGroupOptions } from '#src/options/types.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, produceKeyed, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { sharedStack } from '../support/stack.ts'
import { isAllButOneStored } from '../support/stored-progress.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const STUCK = 'stuck'
const COMMITTED = 3
const FIRST_LEFT = 15
const END = 20

interface Rig {
  readonly member: MemberProcess
  readonly topic: string
  readonly chronicle: Chronicle
}

async function cutLog(topic: string): Promise<void> {
  await withAdmin(sharedStack().brokers, async admin => {
    await admin.fetchTopicOffsets(topic) // kafkajs deletes only from topics it has heard of
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(FIRST_LEFT) }] })
  })
}

/** A member whose committed offset lies below what is left of the log. */
async function laggingMember(
  t: TestContext,
  { isDeafToErrors = false, ...chosen }: Partial<RunGroupOptions> & { isDeafToErrors?: boolean },
): Promise<Rig> {
  const topic = await createTopic(t)
  await produceKeyed(topic, END)
  await cutLog(topic)
  const groupId = uniqueGroup()
  const view = await openZooKeeper(t)
  await view.write(`/consumers/${groupId}/offsets/${topic}/0`, String(COMMITTED))
  const chronicle = new Chronicle(t)
  const options = { groupId, topics: [topic], zookeeper: sharedStack().zookeeper, threads: 1, ...chosen }
  const env = { KWG_MEMBER_LOGS: '1' }
  const member = new MemberProcess(t, chronicle.handler(), options, { isDeafToErrors, env })
  await member.event('joined')
  return { member, topic, chronicle }
}

async function stops({ member }: Rig): Promise<void> {
  member.signal('SIGTERM')
  assert.equal(await member.exit(), 0, member.errors)
}

describe('a position that is out of the log', () => {
  for (const ordering of ['partition', 'key'] as const)
    it(`is replaced by the beginning when offsetReset is earliest, and by the end when it is latest, with an error event: ${ordering} order`, async t => {
      const earliest = await laggingMember(t, { ordering, offsetReset: 'earliest' })
      await eventually(() => earliest.chronicle.started(0).length === END - FIRST_LEFT)
      assert.equal(earliest.chronicle.started(0)[0], FIRST_LEFT)
      assert.deepEqual(earliest.member.errorCodes, ['OFFSET_OUT_OF_RANGE'])

      const latest = await laggingMember(t, { ordering, offsetReset: 'latest' })
      await latest.member.event('error')
      await produceKeyed(latest.topic, 1)
      await eventually(() => latest.chronicle.started(0).length > 0)
      assert.deepEqual(latest.chronicle.started(0), [END])
      assert.deepEqual(latest.member.errorCodes, ['OFFSET_OUT_OF_RANGE'])
      await Promise.all([stops(earliest), stops(latest)])
    })

  it('stops the partition when offsetReset is none; a member without a listener for errors still stops on SIGTERM', async t => {
    const heard = await laggingMember(t, { offsetReset: 'none' })
    await heard.member.event('error')
    const deaf = await laggingMember(t, { offsetReset: 'none', isDeafToErrors: true })
    await eventually(() => deaf.member.errors.includes('OFFSET_OUT_OF_RANGE'), {
      message: 'the error of which nobody hears is logged',
    })
    assert.deepEqual(heard.member.errorCodes, ['OFFSET_OUT_OF_RANGE'])
    await Promise.all([stops(heard), stops(deaf)])
    assert.deepEqual([...heard.chronicle.started(0), ...deaf.chronicle.started(0)], [])
  })

  for (const ordering of ['key', 'none'] as const)
    it(`that only a record in hand was at is replaced by the first record that is left, also when offsetReset is latest: ${ordering} order`, async t => {
      const topic = await createTopic(t)
      await produceKeyed(topic, 1) // offset 0 is a case of its own
      await produce(topic, [{ key: STUCK, value: 'v' }])
      await produceKeyed(topic, END - 2)
      const ledger = new Ledger(t)
      const groupId = uniqueGroup()
      const options: RunGroupOptions = {
        ...{
          groupId,
          topics: [topic],
          zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2_000 },
        },
        ...{ threads: 1, concurrency: 2, ordering, commit: { intervalMs: 50 }, stopTimeoutMs: 1_000 },
      }
      const before = new MemberProcess(t, ledger.handler({ ignoreKey: STUCK }), {
        ...options,
        offsetReset: 'earliest',
      })
      await eventually(() => ledger.count === END)
      const node = `/consumers/${groupId}/progress/${topic}/0`
      const view = await openZooKeeper(t)
      await eventually(async () => isAllButOneStored(await view.read(node), END), { message: 'stored' })
      before.signal('SIGKILL')
      await before.exit()
      await cutLog(topic)
      await produceKeyed(topic, 5)
      const after = new MemberProcess(t, ledger.handler(), { ...options, offsetReset: 'latest' })
      await eventually(() => ledger.count >= END + 5, { deadlineMs: 20_000, message: () => after.errors })
      assert.deepEqual(after.errorCodes, ['OFFSET_OUT_OF_RANGE'])
      assert.deepEqual(
        ledger
          .read()
          .slice(END)
          .map(({ offset }) => offset),
        [END, END + 1, END + 2, END + 3, END + 4],
      )
      after.signal('SIGTERM')
      assert.equal(await after.exit(), 0, after.errors)
    })
})
