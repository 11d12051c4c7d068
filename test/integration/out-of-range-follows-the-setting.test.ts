import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { OffsetReset } from '#src/options/types.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produceKeyed, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { MemberProcess } from '../support/member-process.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const COMMITTED = 3
const FIRST_LEFT = 15
const END = 20

interface Rig {
  readonly member: MemberProcess
  readonly topic: string
  readonly chronicle: Chronicle
}

/** A member whose committed offset lies below what is left of the log. */
async function laggingMember(t: TestContext, offsetReset: OffsetReset, isDeafToErrors = false): Promise<Rig> {
  const topic = await createTopic(t)
  await produceKeyed(topic, END)
  await withAdmin(sharedStack().brokers, async admin => {
    await admin.fetchTopicOffsets(topic) // kafkajs deletes only from topics it has heard of
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(FIRST_LEFT) }] })
  })
  const groupId = uniqueGroup()
  const view = await openZooKeeper(t)
  await view.write(`/consumers/${groupId}/offsets/${topic}/0`, String(COMMITTED))
  const chronicle = new Chronicle(t)
  const options = { groupId, topics: [topic], zookeeper: sharedStack().zookeeper, threads: 1, offsetReset }
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
  it('is replaced by the beginning when offsetReset is earliest, and by the end when it is latest, with an error event', async t => {
    const earliest = await laggingMember(t, 'earliest')
    await eventually(() => earliest.chronicle.started(0).length === END - FIRST_LEFT)
    assert.equal(earliest.chronicle.started(0)[0], FIRST_LEFT)
    assert.deepEqual(earliest.member.errorCodes, ['OFFSET_OUT_OF_RANGE'])

    const latest = await laggingMember(t, 'latest')
    await latest.member.event('error')
    await produceKeyed(latest.topic, 1)
    await eventually(() => latest.chronicle.started(0).length > 0)
    assert.deepEqual(latest.chronicle.started(0), [END])
    assert.deepEqual(latest.member.errorCodes, ['OFFSET_OUT_OF_RANGE'])
    await Promise.all([stops(earliest), stops(latest)])
  })

  it('stops the partition when offsetReset is none; a member without a listener for errors still stops on SIGTERM', async t => {
    const heard = await laggingMember(t, 'none')
    await heard.member.event('error')
    const deaf = await laggingMember(t, 'none', true)
    await eventually(() => deaf.member.errors.includes('OFFSET_OUT_OF_RANGE'), {
      message: 'the error of which nobody hears is logged',
    })
    assert.deepEqual(heard.member.errorCodes, ['OFFSET_OUT_OF_RANGE'])
    await Promise.all([stops(heard), stops(deaf)])
    assert.deepEqual([...heard.chronicle.started(0), ...deaf.chronicle.started(0)], [])
  })
})
