import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger, countByRecord } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { privateStack } from '../support/stack.ts'

failOnLeaks()

const PARTITIONS = 6
const RECORDS = 60
/** A small part of the time after which a question to a broker is given up. */
const SOON_MS = 3_000

function owned(group: Group): number {
  return group.status().partitions.filter(({ epoch }) => epoch !== null).length
}

describe('while the brokers hang', () => {
  it('members follow the plan and tell when they leave: nothing is unowned for long, and nothing is lost', async t => {
    const stack = await privateStack(t)
    const brokers = stack.brokers
    const topic = await createTopic(t, { partitions: PARTITIONS, brokers })
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const member = (): Promise<Group> =>
      runMember(t, ledger.handler(), { groupId, topics: [topic], zookeeper: stack.zookeeper, threads: 1 })
    const first = await member()
    const second = await member()
    await eventually(() => owned(first) === PARTITIONS / 2 && owned(second) === PARTITIONS / 2)
    await stack.brokerProcess(0).freeze()

    const left = second.stop()
    await eventually(() => owned(first) === PARTITIONS, { deadlineMs: SOON_MS })
    await left
    await stack.brokerProcess(0).thaw()
    const messages = Array.from({ length: RECORDS }, (_, n) => ({ partition: n % PARTITIONS, value: 'v' }))
    await produce(topic, messages, { brokers })
    await eventually(() => countByRecord(ledger.read()).size === RECORDS)
    assert.equal(ledger.count, RECORDS)
  })
})
