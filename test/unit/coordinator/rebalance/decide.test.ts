import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decide, type Decision, type SeenGroup } from '#src/coordinator/rebalance/decide.js'
import { encodeIdNode } from '#src/coordinator/assignment/id-node.js'
import type { MemberNode } from '#src/coordinator/storage/group-storage.js'

const NO_PLAN = { bytes: Buffer.alloc(0), version: 0 }

function ours(memberId: string, czxid: bigint): MemberNode {
  return { memberId, czxid, data: encodeIdNode({ memberId, subscription: { t: 2 } }, 0) }
}

function group(memberId: string, members: readonly MemberNode[], more: Partial<SeenGroup> = {}): SeenGroup {
  return {
    memberId,
    idsPath: '/consumers/g/ids',
    planPath: '/consumers/g/plan',
    members: { members, version: { czxid: 1n, cversion: members.length } },
    topics: [{ topic: 't', topicId: null, partitions: 8 }],
    plan: NO_PLAN,
    held: new Map(),
    ...more,
  }
}

function decidedBy(seen: SeenGroup): Decision {
  const decision = decide(seen)
  assert.notEqual(decision, 'stale')
  return decision as Decision
}

const partitions = ({ wanted }: Decision): number[] => wanted.map(({ partition }) => partition)

describe('what follows for a member from what it sees', () => {
  const both = [ours('a', 5n), ours('b', 6n)]

  it('is to write a plan where there is none, at once if it has been there longest', () => {
    const first = decidedBy(group('a', both))
    const second = decidedBy(group('b', both))
    assert.ok(first.type === 'write' && second.type === 'write')
    assert.deepEqual([first.waitMs, second.waitMs > 0], [0, true])
    assert.deepEqual(first.plan, second.plan)
    assert.deepEqual([...partitions(first), ...partitions(second)].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('is to act on the plan that fits', () => {
    const written = decidedBy(group('a', both))
    assert.ok(written.type === 'write')
    const plan = { bytes: written.plan, version: 1 }
    const seen = decidedBy(group('b', both, { plan }))
    assert.equal(seen.type, 'act')
    assert.equal(partitions(seen).length, 4)
  })

  it('is to look again when the plan knows newer members', () => {
    const written = decidedBy(group('a', both))
    assert.ok(written.type === 'write')
    const plan = { bytes: written.plan, version: 1 }
    assert.equal(decide(group('a', [ours('a', 5n)], { plan })), 'stale')
  })

  it('moves only what a joiner gets', () => {
    const alone = decidedBy(group('a', [ours('a', 5n)]))
    assert.ok(alone.type === 'write')
    const plan = { bytes: alone.plan, version: 1 }
    const kept = partitions(decidedBy(group('a', both, { plan })))
    const got = partitions(decidedBy(group('b', both, { plan })))
    assert.deepEqual([kept.length, got.length], [4, 4])
    assert.ok(kept.every(partition => partitions(alone).includes(partition)))
  })

  it('leaves nothing to a member that is about to leave, and its id node may stay for a while', () => {
    const written = decidedBy(group('a', both))
    assert.ok(written.type === 'write')
    const leaving = decidedBy(
      group('b', both, { plan: { bytes: written.plan, version: 1 }, isLeaving: true }),
    )
    assert.ok(leaving.type === 'write')
    assert.deepEqual(leaving.wanted, [])
    const after = decidedBy(group('a', both, { plan: { bytes: leaving.plan, version: 2 } }))
    assert.equal(after.type, 'act')
    assert.equal(partitions(after).length, 8)
  })

  it('is the rule of the original beside a member of that, and of the classic consumers beside one of those', () => {
    const original = { memberId: 'go', czxid: 7n, data: Buffer.alloc(0) }
    const beside = decidedBy(group('a', [ours('a', 5n), original]))
    assert.equal(beside.type, 'act')
    assert.deepEqual(partitions(beside), [0, 2, 4, 6])
    const text = '{"version":1,"subscription":{"t":2},"pattern":"static","timestamp":"1"}'
    const classic = { memberId: 'scala', czxid: 7n, data: Buffer.from(text) }
    const range = decidedBy(group('a', [ours('a', 5n), classic]))
    assert.equal(range.type, 'act')
    assert.deepEqual(partitions(range), [0, 1, 2, 3])
  })

  it('names a plan that cannot be read, and replaces it', () => {
    const plan = { bytes: Buffer.from('nonsense'), version: 4 }
    const decision = decidedBy(group('a', both, { plan }))
    assert.ok(decision.type === 'write' && decision.version === 4)
    assert.deepEqual(
      decision.troubles.map(({ code }) => code),
      ['PLAN_CORRUPT'],
    )
  })
})
