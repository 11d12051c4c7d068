import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group, GroupError } from '#src/index.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, type ZooKeeperView } from '../support/zookeeper.ts'

failOnLeaks()

interface Rig {
  readonly group: Group
  readonly errors: GroupError[]
  readonly claims: bigint[]
  readonly chronicle: Chronicle
  readonly view: ZooKeeperView
  readonly owner: string
  readonly offset: string
  readonly produceTo: (partition: number, count: number) => Promise<void>
}

/** A member with two partitions, of which the first one gets into foreign hands. */
async function member(t: TestContext, parameters: Record<string, number> = {}): Promise<Rig> {
  const topic = await createTopic(t, { partitions: 2 })
  const chronicle = new Chronicle(t)
  const view = await openZooKeeper(t)
  const groupId = uniqueGroup()
  const group = await runMember(t, chronicle.handler(parameters), {
    groupId,
    topics: [topic],
    zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 3000 },
    threads: 1,
    commit: { intervalMs: 50 },
  })
  const errors: GroupError[] = []
  const claims: bigint[] = []
  group.on('error', error => errors.push(error))
  group.on('partition:claimed', ({ partition, epoch }) => partition === 0 && claims.push(epoch))
  const produceTo = (partition: number, count: number): Promise<void> =>
    produce(
      topic,
      Array.from({ length: count }, () => ({ partition, value: 'v' })),
    )
  const paths = {
    owner: `/consumers/${groupId}/owners/${topic}/0`,
    offset: `/consumers/${groupId}/offsets/${topic}/0`,
  }
  return { group, errors, claims, chronicle, view, ...paths, produceTo }
}

function epochOf({ group }: Rig): bigint | undefined {
  return (
    group.status().partitions.find(({ partition, state }) => partition === 0 && state === 'running')?.epoch ??
    undefined
  )
}

async function committed(rig: Rig, offset: number): Promise<void> {
  await eventually(async () => (await rig.view.read(rig.offset))?.text === String(offset), {
    message: `${offset} is committed`,
  })
}

describe('a member whose nodes somebody else touches', () => {
  it('reports a write to its offset, naming the node, and its own value stands', async t => {
    const rig = await member(t)
    await rig.produceTo(0, 10)
    await committed(rig, 10)
    await rig.view.write(rig.offset, '3')
    await rig.produceTo(0, 10)
    await committed(rig, 20)
    await eventually(() => rig.errors.length > 0)
    assert.deepEqual(
      rig.errors.map(({ code }) => code),
      ['FOREIGN_WRITE'],
    )
    assert.equal(rig.errors[0]!.details['path'], rig.offset)
    assert.deepEqual(
      rig.chronicle.started(0),
      Array.from({ length: 20 }, (_, offset) => offset),
    )
  })

  it('reports a write to its owner node, naming it, and sets it right; the claim stands', async t => {
    const rig = await member(t)
    const epoch = await eventually(() => epochOf(rig))
    const own = (await rig.view.read(rig.owner))!.text
    await rig.view.write(rig.owner, 'somebody-else-0')
    await eventually(async () => (await rig.view.read(rig.owner))!.text === own)
    await rig.produceTo(0, 10)
    await committed(rig, 10)
    await eventually(() => rig.errors.length > 0)
    assert.deepEqual(
      rig.errors.map(({ code }) => code),
      ['FOREIGN_WRITE'],
    )
    assert.equal(rig.errors[0]!.details['path'], rig.owner)
    assert.equal(epochOf(rig), epoch)
  })

  it('aborts what runs under a claim whose owner node was deleted, reports it, and claims again under a new epoch', async t => {
    const rig = await member(t, { untilAborted: 1 })
    const epoch = await eventually(() => epochOf(rig))
    await rig.produceTo(0, 3)
    await rig.produceTo(1, 3)
    await eventually(() => rig.chronicle.started(0).length === 1, { message: 'the first record is in hand' })
    await rig.view.remove(rig.owner)
    const again = await eventually(() => {
      const now = epochOf(rig)
      return now !== undefined && now !== epoch && now
    })
    assert.ok(again > epoch)
    assert.deepEqual(
      rig.errors.map(({ code }) => code),
      ['CLAIM_LOST'],
    )
    assert.equal(rig.errors[0]!.details['path'], rig.owner)
    await eventually(() => rig.chronicle.started(0).length > 1, { message: 'it goes on under the new claim' })
    const [aborted, ...rest] = rig.chronicle.read('start').filter(({ partition }) => partition === 0)
    assert.equal(BigInt(aborted!.epoch), epoch)
    assert.equal(rest[0]!.offset, 0, 'nothing of the lost claim was committed')
    assert.ok(rest.every(one => BigInt(one.epoch) === again))
    const ended = rig.chronicle.read('end').find(one => BigInt(one.epoch) === epoch)
    assert.match(ended!.reason, /owner node .* was deleted/)
    await rig.group.stop({ timeoutMs: 500 }) // what runs now waits for its signal, too
  })

  it('waits for a partition whose owner node was replaced, and leaves the other one alone', async t => {
    const rig = await member(t)
    const epoch = await eventually(() => epochOf(rig))
    await rig.view.replace(rig.owner, 'thief-0')
    await eventually(() => epochOf(rig) === undefined, { message: 'it has given the partition up' })
    await rig.produceTo(0, 5)
    await rig.produceTo(1, 5)
    await eventually(() => rig.chronicle.started(1).length === 5)
    assert.deepEqual(rig.chronicle.started(0), [])
    assert.equal((await rig.view.read(rig.owner))!.text, 'thief-0', 'only our own nodes are deleted')
    await rig.view.remove(rig.owner)
    await eventually(() => rig.chronicle.started(0).length === 5)
    assert.ok(epochOf(rig)! > epoch)
    assert.deepEqual(
      rig.errors.map(({ code }) => code),
      ['CLAIM_LOST'],
    )
  })
})
