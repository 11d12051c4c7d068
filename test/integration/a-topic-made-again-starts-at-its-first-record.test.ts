import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { resetOffsets, type Group, type RunGroupOptions } from '#src/index.js'
import type { GroupError } from '#src/shared/errors.js'
import { ORDERINGS } from '#src/shared/ordering.js'
import { silentLogger } from '#src/shared/logger.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, deleteTopic, createTopicNamed, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 2

/** The same number of records in each partition. */
async function fill(topic: string, perPartition: number, key: string): Promise<void> {
  const messages = Array.from({ length: perPartition * PARTITIONS }, (_, n) => ({
    partition: n % PARTITIONS,
    key,
    value: 'v',
  }))
  await produce(topic, messages)
}

interface Member {
  readonly group: Group
  readonly errors: GroupError[]
}

async function member(t: TestContext, ledger: Ledger, options: Partial<RunGroupOptions>): Promise<Member> {
  const group = await runMember(t, ledger.handler(), {
    groupId: 'g',
    topics: [],
    zookeeper: sharedStack().zookeeper,
    offsetReset: 'latest',
    ...options,
  })
  const errors: GroupError[] = []
  group.on('error', error => errors.push(error))
  return { group, errors }
}

/** Offsets that were handled of records with this key, by partition. */
function handledOf(ledger: Ledger, key: string): number[][] {
  const of = (partition: number): number[] =>
    ledger
      .read()
      .filter(entry => entry.key === key && entry.partition === partition)
      .map(entry => entry.offset)
      .sort((a, b) => a - b) // records of a time may run side by side
  return Array.from({ length: PARTITIONS }, (_, partition) => of(partition))
}

const upTo = (length: number): number[][] => Array(PARTITIONS).fill([...Array(length).keys()]) as number[][]

/** One event per partition, each with both ids, and nothing else went wrong. */
function assertTold({ errors }: Member, topic: string, oldId: string, newId: string): void {
  const told = errors.map(({ code, details }) => ({ code, ...details }))
  told.sort((a, b) => Number(a['partition' as keyof object]) - Number(b['partition' as keyof object]))
  assert.deepEqual(
    told,
    Array.from({ length: PARTITIONS }, (_, partition) => ({
      code: 'TOPIC_RECREATED',
      topic,
      partition,
      oldTopicId: oldId,
      newTopicId: newId,
    })),
  )
}

describe('a topic that was deleted and made again starts at its first record, with an event', () => {
  for (const ordering of ORDERINGS)
    it(`while no member ran, also where the new one has more records than were read of the old one: ${ordering} order`, async t => {
      const view = await openZooKeeper(t)
      const topic = await createTopic(t, { partitions: PARTITIONS })
      const idOf = async (): Promise<string> =>
        (JSON.parse((await view.read(`/brokers/topics/${topic}`))!.text) as { topic_id: string }).topic_id
      const ledger = new Ledger(t)
      const options = { groupId: uniqueGroup(), topics: [topic], ordering }
      const first = await member(t, ledger, options)
      await fill(topic, 5, 'old')
      await eventually(() => ledger.count === 5 * PARTITIONS)
      await first.group.stop()
      const oldId = await idOf()
      await deleteTopic(topic)
      await createTopicNamed(topic, PARTITIONS)
      await fill(topic, 8, 'new')
      const second = await member(t, ledger, options)
      await eventually(() => ledger.count === (5 + 8) * PARTITIONS)
      assert.deepEqual(handledOf(ledger, 'new'), upTo(8))
      await eventually(() => second.errors.length === PARTITIONS)
      assertTold(second, topic, oldId, await idOf())
      await second.group.stop()
      assert.deepEqual(await readOffsets(options.groupId, topic), [8, 8])
      const third = await member(t, ledger, options)
      await fill(topic, 1, 'newest')
      await eventually(() => ledger.count === (5 + 8 + 1) * PARTITIONS)
      assert.deepEqual(third.errors, [], 'told once')
    })

  it('while no member ran, also where the offsets of the old one were reset before', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    const options = { groupId: uniqueGroup(), topics: [topic] }
    await fill(topic, 5, 'old')
    const first = await member(t, ledger, options)
    await first.group.stop()
    const { zookeeper } = sharedStack()
    await resetOffsets({ groupId: options.groupId, topic, to: 3n, zookeeper, logger: silentLogger })
    await deleteTopic(topic)
    await createTopicNamed(topic, PARTITIONS)
    await fill(topic, 8, 'new')
    const second = await member(t, ledger, options)
    await eventually(() => second.errors.length === PARTITIONS)
    assert.deepEqual(
      second.errors.map(({ code }) => code),
      ['TOPIC_RECREATED', 'TOPIC_RECREATED'],
    )
    await eventually(() => ledger.count === 8 * PARTITIONS)
    assert.deepEqual(handledOf(ledger, 'new'), upTo(8))
  })

  for (const ordering of ORDERINGS)
    it(`while its partitions are owned; without one they are given up, and nothing goes wrong: ${ordering} order`, async t => {
      const view = await openZooKeeper(t)
      const topic = await createTopic(t, { partitions: PARTITIONS })
      const ledger = new Ledger(t)
      const options = { groupId: uniqueGroup(), topics: [topic], ordering }
      const owner = await member(t, ledger, options)
      await fill(topic, 5, 'old')
      await eventually(() => ledger.count === 5 * PARTITIONS)
      await deleteTopic(topic)
      const owners = `/consumers/${options.groupId}/owners/${topic}`
      await eventually(async () => (await view.list(owners)).length === 0, { message: 'given up' })
      assert.equal(owner.group.state, 'running')
      assert.deepEqual(owner.errors, [])
      await createTopicNamed(topic, PARTITIONS)
      await fill(topic, 8, 'new')
      await eventually(() => ledger.count === (5 + 8) * PARTITIONS)
      assert.deepEqual(handledOf(ledger, 'new'), upTo(8))
      await eventually(() => owner.errors.length === PARTITIONS)
      assert.deepEqual(new Set(owner.errors.map(({ code }) => code)), new Set(['TOPIC_RECREATED']))
    })

  it('while its partitions are owned by a member that does not see it go', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    // Its own root in ZooKeeper: no brokers there, so that it has to find out from them.
    const options = {
      groupId: uniqueGroup(),
      topics: [topic],
      zookeeper: `${sharedStack().zookeeper}/elsewhere`,
    }
    const kafka = { brokers: [...sharedStack().brokers] }
    const blind = await member(t, ledger, { ...options, kafka })
    await fill(topic, 5, 'old')
    await eventually(() => ledger.count === 5 * PARTITIONS)
    await deleteTopic(topic)
    await createTopicNamed(topic, PARTITIONS)
    await fill(topic, 3, 'new')
    await eventually(() => ledger.count === (5 + 3) * PARTITIONS, {
      message: () => `${ledger.count} handled, ${blind.errors.map(({ message }) => message).join('; ')}`,
    })
    assert.deepEqual(handledOf(ledger, 'new'), upTo(3), 'at `latest` they would have been skipped')
    assert.deepEqual(new Set(blind.errors.map(({ code }) => code)), new Set(['TOPIC_RECREATED']))
    assert.equal(blind.errors.length, PARTITIONS)
    await blind.group.stop()

    const looking = await member(t, ledger, { ...options, kafka: { ...kafka, metadataMaxAgeMs: 500 } })
    await deleteTopic(topic)
    await createTopicNamed(topic, PARTITIONS)
    await fill(topic, 6, 'newer')
    await eventually(() => handledOf(ledger, 'newer').every(offsets => offsets.includes(5)))
    await eventually(() => looking.errors.length >= PARTITIONS)
    for (const offsets of handledOf(ledger, 'newer')) assert.deepEqual(offsets.slice(-6), upTo(6)[0])
  })
})
