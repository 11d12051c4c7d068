// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { ErrorCode, Group, GroupError, RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { burst } from '../support/mixed-group.ts'
import { eventuallyOwnedBy, readOwners } from '../support/owners.ts'
import { errorsOf, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, type ZooKeeperView } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 4
const PER_BURST = 5
const CLASSIC = '{"version":1,"subscription":{"any":1},"pattern":"static","timestamp":"1"}'
const LATER_VERSION = '{"version":1,"subscription":{"any":1},"pattern":"static","kwg":{"version":9}}'
/** The instant a holder lets go, with room for a busy machine. */
const CLAIMED_WITHIN_MS = 250
/** In MessagePack: a list of one number. */
const LATER_PLAN = Buffer.from([0x91, 9])

interface Place {
  readonly view: ZooKeeperView
  readonly topic: string
  /** Of the group's nodes. */
  readonly path: string
  readonly ledger: Ledger
  readonly member: (memberId: string, more?: Partial<RunGroupOptions>) => Promise<Reporting>
  /** By the first letters of the owners. */
  readonly owned: (letters: string) => Promise<void>
  readonly owners: () => Promise<(string | null)[]>
  readonly produceSome: () => Promise<void>
}

/** A member, and the error events of it. */
interface Reporting {
  readonly group: Group
  readonly errors: readonly GroupError[]
}

async function newGroup(t: TestContext): Promise<Place> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const view = await openZooKeeper(t)
  const ledger = new Ledger(t)
  const groupId = uniqueGroup()
  const common = { groupId, topics: [topic], threads: 1, zookeeper: sharedStack().zookeeper }
  return {
    view,
    topic,
    path: `/consumers/${groupId}`,
    ledger,
    member: async (memberId, more = {}) =>
      reporting(await runMember(t, ledger.handler(), { ...common, ...more, memberId })),
    owned: letters => eventuallyOwnedBy(view, { groupId, topic, letters }),
    owners: () => readOwners(view, groupId, topic, PARTITIONS),
    produceSome: () => burst(topic, PARTITIONS, PER_BURST),
  }
}

function reporting(group: Group): Reporting {
  return { group, errors: errorsOf(group) }
}

function codesOf({ errors }: Reporting): string[] {
  return errors.map(({ code }) => code)
}

/** The first error event of this code. */
function reported(member: Reporting, code: ErrorCode): Promise<GroupError> {
  return eventually(() => member.errors.find(error => error.code === code), {
    message: () => `${code}, reported: ${codesOf(member).join()}`,
  })
}

describe('in a group that mixes the original and classic consumers', () => {
  it('a member that starts refuses, and leaves nothing behind', async t => {
    const { view, path, member } = await newGroup(t)
    await view.write(`${path}/ids/go`, '')
    await view.write(`${path}/ids/scala`, CLASSIC)
    const error = await rejection(member('a'), 'MIXED_GROUP_UNSUPPORTED')
    for (const named of [`${path}/ids`, 'go', 'scala']) assert.ok(error.message.includes(named), named)
    assert.deepEqual(await view.list(`${path}/ids`), ['go', 'scala'])
    for (const parent of ['owners', 'offsets'])
      for (const topic of await view.list(`${path}/${parent}`))
        assert.deepEqual(await view.list(`${path}/${parent}/${topic}`), [])
  })

  it('a member that runs reports it once, and goes on by modulo', async t => {
    const { view, path, member, owners, ledger, produceSome } = await newGroup(t)
    const ours = await member('a')
    await view.write(`${path}/ids/go`, '')
    await eventually(async () => (await owners()).join() === 'a-0,,a-0,')
    await view.write(`${path}/ids/scala`, CLASSIC)
    assert.ok((await reported(ours, 'MIXED_GROUP_UNSUPPORTED')).message.includes(`${path}/ids`))
    await eventually(async () => (await owners()).join() === 'a-0,,,a-0')
    await produceSome()
    await eventually(() => ledger.count === 2 * PER_BURST)
    await view.remove(`${path}/ids/go`)
    await view.remove(`${path}/ids/scala`)
    await eventually(async () => (await owners()).every(owner => owner === 'a-0'))
    assert.deepEqual(codesOf(ours), ['MIXED_GROUP_UNSUPPORTED'])
  })
})

describe('what no member of this version can read is named, and stops nobody:', () => {
  it('an id node with unreadable data', async t => {
    const { view, path, member, owned } = await newGroup(t)
    await view.write(`${path}/ids/x`, 'no JSON')
    const first = await member('a')
    assert.ok((await reported(first, 'ID_NODE_UNREADABLE')).message.startsWith(`${path}/ids/x `))
    await owned('aaaa')
    const second = await member('b')
    await reported(second, 'ID_NODE_UNREADABLE')
    await eventually(() => second.group.status().partitions.length === PARTITIONS / 2)
    await owned('[ab][ab][ab][ab]')
    assert.deepEqual(codesOf(first), ['ID_NODE_UNREADABLE'])
  })

  it('a plan of a later version: what is owned stays, until no member of that version is left', async t => {
    const { view, path, member, owned, owners } = await newGroup(t)
    const first = await member('a')
    await view.write(`${path}/ids/later`, LATER_VERSION)
    assert.ok((await reported(first, 'FORMAT_UNKNOWN')).message.startsWith(`${path}/ids/later `))
    await view.write(`${path}/plan`, LATER_PLAN)
    const error = await eventually(() => first.errors[1])
    assert.equal(error.code, 'FORMAT_UNKNOWN')
    assert.ok(error.message.startsWith(`${path}/plan `) && error.message.includes('later'), error.message)
    const starting = member('b')
    await eventually(async () => (await view.list(`${path}/ids`)).includes('b'))
    await view.write(`${path}/ids/another`, LATER_VERSION)
    await eventually(() => first.errors.some(({ message }) => message.includes('another, later')))
    assert.deepEqual(await owners(), ['a-0', 'a-0', 'a-0', 'a-0'])
    assert.deepEqual((await view.read(`${path}/plan`))!.data, LATER_PLAN)
    await view.remove(`${path}/ids/later`)
    await view.remove(`${path}/ids/another`)
    const second = await starting
    await eventually(() => second.group.status().partitions.length === PARTITIONS / 2)
    await owned('[ab][ab][ab][ab]')
  })

  it('a corrupt plan, which is replaced by one that moves nothing', async t => {
    const { view, path, member, owned, owners } = await newGroup(t)
    const leaver = await member('c')
    const first = await member('a')
    const second = await member('b')
    await owned('.*a.*b.*|.*b.*a.*')
    await leaver.group.stop()
    await owned('[ab][ab][ab][ab]')
    await eventually(() => second.group.status().partitions.length === PARTITIONS / 2)
    const before = await owners()
    const released: unknown[] = []
    for (const { group } of [first, second]) group.on('partition:released', one => released.push(one))
    await view.write(`${path}/plan`, 'nonsense')
    assert.ok((await reported(first, 'PLAN_CORRUPT')).message.startsWith(`${path}/plan `))
    await eventually(async () => (await view.read(`${path}/plan`))!.text !== 'nonsense')
    const third = await member('d')
    await eventually(() => third.group.status().partitions.length === 1)
    await owned('.*d.*')
    assert.equal(released.length, 1, 'only what the next member got has moved')
    assert.equal((await owners()).filter((owner, partition) => owner === before[partition]).length, 3)
  })
})

describe('a holder that is no member', () => {
  it('delays its partition only, however long it holds it (here: the whole test), and is named', async t => {
    const { view, path, topic, member, owners, ledger, produceSome } = await newGroup(t)
    const holders = `${path}/owners/${topic}`
    await view.write(`${holders}/1`, 'stranger')
    await view.writeEphemeral(`${holders}/3`, 'another-0')

    const claim = { retries: 2, retryIntervalMs: 300 }
    const startMs = performance.now()
    const ours = await member('a', { claim })
    await produceSome()
    await eventually(() => ledger.count === 2 * PER_BURST)
    await eventually(() => ours.errors.length === 2)
    assert.ok(performance.now() - startMs >= claim.retries * claim.retryIntervalMs)
    assert.deepEqual(codesOf(ours), ['CLAIM_REFUSED', 'CLAIM_REFUSED'])
    const [stranger, another] = ours.errors.map(({ message }) => message)
    assert.ok(stranger!.includes(`"stranger" in ${holders}/1`) && stranger!.includes('no member'), stranger)
    assert.ok(another!.includes(`"another-0" in ${holders}/3`) && another!.includes('session 0x'), another)
    await produceSome()
    await eventually(() => ledger.count === 4 * PER_BURST)
    assert.deepEqual(await owners(), ['a-0', 'stranger', 'a-0', 'another-0'], 'their nodes are not touched')

    const claimed = new Promise<number>(resolve =>
      ours.group.on('partition:claimed', () => resolve(performance.now())),
    )
    const releasedMs = performance.now()
    await view.remove(`${holders}/3`)
    const gapMs = (await claimed) - releasedMs
    t.diagnostic(`claimed ${Math.round(gapMs)} ms after it was released`)
    assert.ok(gapMs < CLAIMED_WITHIN_MS)
    await view.remove(`${holders}/1`)
    await eventually(() => ledger.count === 2 * PARTITIONS * PER_BURST)
    assert.deepEqual(await owners(), ['a-0', 'a-0', 'a-0', 'a-0'])
    assert.equal(ours.errors.length, 2)
  })
})
