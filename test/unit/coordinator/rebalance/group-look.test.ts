import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeIdNode } from '#src/coordinator/assignment/id-node.js'
import { decodePlan } from '#src/coordinator/assignment/plan-format.js'
import { GroupLook } from '#src/coordinator/rebalance/group-look.js'
import type { Decision } from '#src/coordinator/rebalance/decide.js'
import type { MemberNode, StoredOwner, StoredPlan } from '#src/coordinator/storage/group-storage.js'
import { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { rejection } from '../../../support/group-error.ts'

const NEVER = new AbortController().signal

const CLASSIC = Buffer.from('{"version":1,"subscription":{"t":1},"pattern":"static","timestamp":"1"}')
const LATER = Buffer.from('{"kwg":{"version":9}}')
/** In MessagePack: a list of one number. */
const LATER_PLAN = Buffer.from([0x91, 9])
const PARTITIONS = 4

/** A group whose storage is these fields. */
class FakeGroup {
  members: MemberNode[] = []
  cversion = 0
  plan: StoredPlan = { bytes: Buffer.alloc(0), version: 0 }
  owners: StoredOwner[] = []
  sizes = new Map([['t', PARTITIONS]])
  readonly asked: string[] = []
  areBrokersAway = false
  /** A topic that brokers tell nothing of. */
  refused = ''
  /** Runs before a plan is stored. */
  beforeWrite = (): void => {}

  add(memberId: string, data = ours(memberId)): void {
    this.cversion += 1
    this.members = [...this.members, { memberId, data, czxid: BigInt(this.cversion) }]
  }

  remove(memberId: string): void {
    this.cversion += 1
    this.members = this.members.filter(member => member.memberId !== memberId)
  }

  look(memberId: string, topics: readonly string[] = ['t']): GroupLook {
    return new GroupLook({
      groupId: 'g',
      groupPath: '/kafka/consumers/g',
      memberId,
      topics,
      storage: {
        readMembers: async () => {
          this.asked.push('members')
          return { members: this.members, version: { czxid: 1n, cversion: this.cversion } }
        },
        readPlan: async () => {
          this.asked.push('plan')
          return this.plan
        },
        readOwners: async (asked, members) => {
          this.asked.push(`owners of ${asked.join()} among ${members.join()}`)
          return this.owners
        },
        writePlan: async (bytes, version) => this.write(bytes, version),
      },
      logger: silentLogger,
      cluster: {
        describeTopics: async names => {
          if (this.areBrokersAway) throw new GroupError('BROKERS_UNREACHABLE', 'no broker answers')
          this.asked.push(`topics ${names.join()}`)
          return names.map(topic => describeTopic(topic, this.sizes.get(topic), topic === this.refused))
        },
      },
    })
  }

  write(bytes: Buffer, version: number): boolean {
    this.beforeWrite()
    if (version !== this.plan.version) return false
    this.plan = { bytes, version: version + 1 }
    return true
  }

  /** What a look decides is done. */
  async settle(memberId: string, look = this.look(memberId)): Promise<Decision> {
    const decision = await look.decide()
    if (decision.type === 'write') assert.ok(this.write(decision.plan, decision.version))
    return decision
  }

  holds(...owners: string[]): void {
    this.owners = owners.map((owner, partition) => ({ topic: 't', partition, owner }))
  }
}

function ours(memberId: string, subscription: Record<string, number> = { t: 1 }): Buffer {
  return encodeIdNode({ memberId, subscription }, 0)
}

function describeTopic(topic: string, size: number | undefined, isRefused: boolean) {
  const partitions = Array.from({ length: isRefused ? 0 : (size ?? 0) }, (_, partition) => ({
    partition,
    leader: 0,
    errorCode: 0,
  }))
  const refusal = isRefused ? new GroupError('BROKER_REFUSED', `${topic} may not be seen`) : null
  return { topic, topicId: null, exists: size !== undefined && !isRefused, refusal, partitions }
}

const numbers = ({ wanted }: Decision): number[] => wanted.map(({ partition }) => partition)

describe('a look at the group', () => {
  it('reads the members, then the plan, then the topics that any member names', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('b', ours('b', { u: 1 }))
    await group.settle('a')
    assert.deepEqual(group.asked.slice(0, 3), ['members', 'plan', 'topics t,u'])
  })

  it('reads the owner nodes only where there is no plan', async () => {
    const group = new FakeGroup()
    group.add('a')
    const look = group.look('a')
    await group.settle('a', look)
    assert.equal(group.asked.at(-1), 'owners of t among a')
    group.asked.length = 0
    assert.equal((await look.decide()).type, 'act')
    assert.deepEqual(group.asked, ['members', 'plan', 'topics t'])
  })

  it('answers the partitions of this member, of its own topics only', async () => {
    const group = new FakeGroup()
    group.sizes.set('u', 2)
    group.add('a', Buffer.alloc(0))
    const { wanted } = await group.look('a', ['u', 'missing']).decide()
    assert.deepEqual(wanted, [
      { topic: 'u', partition: 0 },
      { topic: 'u', partition: 1 },
    ])
  })

  it('names the threads that range assigned, beside a classic consumer', async () => {
    const group = new FakeGroup()
    group.add('a', ours('a', { t: 2 }))
    group.add('scala', CLASSIC)
    const { wanted } = await group.look('a').decide()
    assert.deepEqual(
      wanted.map(({ partition, ownerThread }) => `${partition} by ${String(ownerThread)}`),
      ['0 by 0', '1 by 0', '2 by 1'],
    )
  })

  it('fails for a passing reason while this member itself is not seen', async () => {
    const group = new FakeGroup()
    group.add('b')
    assert.equal((await rejection(group.look('a').decide(), 'ZOOKEEPER_DISCONNECTED')).retryable, true)
  })

  it('looks again while the plan knows newer members, and gives up for a while when that does not end', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('b')
    await group.settle('a')
    group.cversion = 1
    group.asked.length = 0
    await rejection(group.look('a').decide(), 'ZOOKEEPER_DISCONNECTED')
    assert.equal(group.asked.filter(asked => asked === 'members').length, 5)
  })

  it('moves nothing when a plan that cannot be read is replaced', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('b')
    group.plan = { bytes: Buffer.from('nonsense'), version: 7 }
    group.holds('b', 'a', 'a', 'b')
    const decision = await group.look('a').decide()
    assert.deepEqual(numbers(decision), [1, 2])
    assert.deepEqual(
      decision.troubles.map(({ code }) => code),
      ['PLAN_CORRUPT'],
    )
  })

  it('ignores owner nodes of partitions that there are not, and holders that are no members', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.holds('stranger', 'a', 'a', 'a', 'a')
    group.owners.push({ topic: 'other', partition: 0, owner: 'a' })
    assert.deepEqual(numbers(await group.settle('a')), [0, 1, 2, 3])
  })

  it('starts from who holds what, not from an older plan, once other programs have left', async () => {
    const group = new FakeGroup()
    const [a, b] = [group.look('a'), group.look('b')]
    group.add('a')
    group.add('b')
    const before = numbers(await group.settle('a', a))
    group.add('go', Buffer.alloc(0))
    for (const look of [a, b]) assert.equal((await look.decide()).type, 'act')
    group.remove('go')
    group.holds(...['a', 'a', 'a', 'a'].map((_, partition) => (before.includes(partition) ? 'b' : 'a')))
    const after = numbers(await group.settle('a', a))
    assert.deepEqual(
      after,
      [0, 1, 2, 3].filter(partition => !before.includes(partition)),
    )
    group.asked.length = 0
    assert.equal((await b.decide()).type, 'act', 'the plan of the other one is new')
    assert.deepEqual(group.asked, ['members', 'plan', 'topics t'])
  })

  it('leaves a plan of a later version alone while a member of that version is there', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('later', LATER)
    group.plan = { bytes: LATER_PLAN, version: 3 }
    const error = await rejection(group.look('a').decide(), 'FORMAT_UNKNOWN')
    assert.match(error.message, /^\/kafka\/consumers\/g\/plan .*later/)
    group.remove('later')
    const decision = await group.settle('a')
    assert.deepEqual(numbers(decision), [0, 1, 2, 3])
    assert.equal(decodePlan(group.plan.bytes, 'plan').members.length, 1)
  })
})

describe('a member without brokers', () => {
  it('follows the plan, says when it leaves, and looks again', async () => {
    const group = new FakeGroup()
    const [a, b] = [group.look('a'), group.look('b')]
    group.add('a')
    await group.settle('a', a)
    group.add('b')
    await b.decide()
    group.areBrokersAway = true
    const decision = await group.settle('a', a)
    assert.deepEqual(
      [decision.wanted.length, (await b.decide()).wanted.length],
      [PARTITIONS / 2, PARTITIONS / 2],
    )
    await b.announceLeave(NEVER)
    const alone = await a.decide()
    assert.deepEqual([alone.type, alone.wanted.length, alone.isProvisional], ['act', PARTITIONS, true])
    group.areBrokersAway = false
    assert.equal((await a.decide()).isProvisional, false)
  })

  it('keeps as planned what brokers refuse to tell it of a topic that others see', async () => {
    const group = new FakeGroup()
    group.sizes.set('secret', PARTITIONS)
    group.add('a', ours('a', { t: 1, secret: 1 }))
    await group.settle('a', group.look('a', ['t', 'secret']))
    group.refused = 'secret'
    group.add('b', ours('b', { t: 1 }))
    await group.settle('b')
    const { topics } = decodePlan(group.plan.bytes, 'plan')
    const owners = topics.find(({ topic }) => topic === 'secret')?.owners
    assert.deepEqual(owners, new Array(PARTITIONS).fill('a'))
  })

  it('goes by the topics that brokers told of where other programs take part', async () => {
    const group = new FakeGroup()
    const a = group.look('a')
    group.add('a')
    await group.settle('a', a)
    group.plan = { bytes: Buffer.alloc(0), version: 9 }
    group.areBrokersAway = true
    group.add('go', Buffer.alloc(0))
    assert.equal((await a.decide()).wanted.length, PARTITIONS / 2)
  })

  it('cannot begin', async () => {
    const group = new FakeGroup()
    group.areBrokersAway = true
    group.add('a')
    await rejection(group.look('a').decide(), 'BROKERS_UNREACHABLE')
  })
})

describe('a member that announces its leave', () => {
  it('stores a plan without itself', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('b')
    await group.settle('a')
    await group.look('b').announceLeave(NEVER)
    const { members, topics } = decodePlan(group.plan.bytes, 'plan')
    assert.deepEqual(
      members.map(({ isLeaving }) => isLeaving),
      [false, true],
    )
    assert.deepEqual(topics[0]!.owners, ['a', 'a', 'a', 'a'])
  })

  it('tries again when somebody else was faster', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('b')
    await group.settle('a')
    let races = 0
    group.beforeWrite = () => {
      races += 1
      if (races === 1) group.plan = { ...group.plan, version: group.plan.version + 1 }
    }
    await group.look('b').announceLeave(NEVER)
    assert.equal(races, 2)
    assert.equal(decodePlan(group.plan.bytes, 'plan').members[1]!.isLeaving, true)
  })

  it('has nothing to store beside other programs', async () => {
    const group = new FakeGroup()
    group.add('a')
    group.add('go', Buffer.alloc(0))
    await group.look('a').announceLeave(NEVER)
    assert.equal(group.plan.version, 0)
  })
})
