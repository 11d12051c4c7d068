import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { nextPlan, type GroupView, type SeenTopic } from '#src/coordinator/assignment/next-plan.js'
import { encodePlan } from '#src/coordinator/assignment/plan-format.js'
import { assignmentOf, type Plan } from '#src/coordinator/assignment/plan.js'
import { movesBetween, reader } from '../../../support/assignments.ts'
import { thrown } from '../../../support/group-error.ts'

const T8: SeenTopic = { topic: 't', topicId: 'id-1', partitions: 8 }

interface Seen {
  /** By name, the czxid of its id node. */
  readonly members: Readonly<Record<string, number>>
  readonly at: number
  readonly strangers?: readonly string[]
  readonly topics?: readonly SeenTopic[]
}

/** A group whose members read all topics that are seen. */
function view({ members, at, strangers = [], topics = [T8] }: Seen): GroupView {
  const names = topics.map(({ topic }) => topic)
  const ids = Object.keys(members)
  return {
    ids: { czxid: 1n, cversion: at },
    members: ids.map(memberId => ({ memberId, czxid: BigInt(members[memberId]!) })),
    readers: ids.filter(id => !strangers.includes(id)).map(id => reader(id, names)),
    strangers: new Set(strangers),
    topics,
  }
}

function countOf(plan: Plan, memberId: string): number {
  return plan.topics.flatMap(({ owners }) => owners).filter(owner => owner === memberId).length
}

const twoMembers = nextPlan({ previous: null, view: view({ members: { a: 10, b: 11 }, at: 2 }) })

describe('the next plan', () => {
  it('says what it was computed from', () => {
    assert.deepEqual(twoMembers.ids, { czxid: 1n, cversion: 2 })
    assert.deepEqual(twoMembers.members, [
      { memberId: 'a', czxid: 10n, isLeaving: false },
      { memberId: 'b', czxid: 11n, isLeaving: false },
    ])
    assert.deepEqual(
      twoMembers.topics.map(({ topic, topicId, owners }) => [topic, topicId, owners.length]),
      [['t', 'id-1', 8]],
    )
  })

  it('starts from the owner nodes where there is no previous plan', () => {
    const held = new Map([['t', ['b', 'a', 'b', 'a', 'b', 'a', 'b', 'a']]])
    const plan = nextPlan({ previous: null, view: view({ members: { a: 10, b: 11 }, at: 2 }), held })
    assert.deepEqual(assignmentOf(plan), held)
  })

  it('changes nothing when nothing has changed: its bytes are the same', () => {
    const again = nextPlan({ previous: twoMembers, view: view({ members: { b: 11, a: 10 }, at: 2 }) })
    assert.deepEqual(encodePlan(again), encodePlan(twoMembers))
  })

  it('is never made from older members than the one before it', () => {
    thrown(() => nextPlan({ previous: twoMembers, view: view({ members: { a: 10 }, at: 1 }) }), 'INTERNAL')
  })

  it('gives a leaver nothing, although its id node is still there, and moves nothing else', () => {
    const seen = view({ members: { a: 10, b: 11, c: 12 }, at: 3 })
    const three = nextPlan({ previous: twoMembers, view: seen })
    const plan = nextPlan({ previous: three, view: seen, leaving: ['a'] })
    assert.deepEqual(
      plan.members.map(({ isLeaving }) => isLeaving),
      [true, false, false],
    )
    assert.equal(countOf(plan, 'a'), 0)
    const moved = movesBetween(assignmentOf(three), assignmentOf(plan))
    assert.deepEqual(new Set(moved.map(({ from }) => from)), new Set(['a']))
  })

  it('keeps a leaver out also when others plan who know of the leave from the plan only', () => {
    const leaving = nextPlan({
      previous: twoMembers,
      view: view({ members: { a: 10, b: 11 }, at: 2 }),
      leaving: ['a'],
    })
    const joined = nextPlan({ previous: leaving, view: view({ members: { a: 10, b: 11, c: 12 }, at: 3 }) })
    assert.equal(countOf(joined, 'a'), 0)
    assert.equal(joined.members[0]!.isLeaving, true)
  })

  it('takes a member in again that comes back under the same id', () => {
    const leaving = nextPlan({
      previous: twoMembers,
      view: view({ members: { a: 10, b: 11 }, at: 2 }),
      leaving: ['a'],
    })
    const back = nextPlan({ previous: leaving, view: view({ members: { a: 20, b: 11 }, at: 4 }) })
    assert.equal(countOf(back, 'a'), 4)
    assert.equal(back.members[0]!.isLeaving, false)
  })

  it('gives a member that restarts what it had', () => {
    const back = nextPlan({ previous: twoMembers, view: view({ members: { a: 20, b: 11 }, at: 4 }) })
    assert.deepEqual(assignmentOf(back), assignmentOf(twoMembers))
  })

  it('leaves to a member whose id node was damaged what it had, and no more', () => {
    const members = { a: 10, b: 11, c: 12 }
    const plan = nextPlan({ previous: twoMembers, view: view({ members, at: 3, strangers: ['a'] }) })
    const owned = (of: Plan): number[] =>
      of.topics[0]!.owners.flatMap((owner, p) => (owner === 'a' ? [p] : []))
    assert.deepEqual(owned(plan), owned(twoMembers))
    assert.deepEqual([countOf(plan, 'b'), countOf(plan, 'c')], [2, 2])
  })

  it('leaves it also the topics that nobody else reads', () => {
    const u = { topic: 'u', topicId: null, partitions: 2 }
    const alone = nextPlan({ previous: null, view: view({ members: { a: 10 }, at: 1, topics: [u] }) })
    const seen = view({ members: { a: 10, b: 11 }, at: 2, strangers: ['a'], topics: [T8] })
    const plan = nextPlan({ previous: alone, view: seen })
    assert.deepEqual(plan.topics[1], { topic: 'u', topicId: null, owners: ['a', 'a'] })
  })

  it('gives nothing to a stranger that registered since the last plan, under whatever id', () => {
    const seen = view({ members: { a: 20, b: 11, x: 21 }, at: 5, strangers: ['a', 'x'] })
    const plan = nextPlan({ previous: twoMembers, view: seen })
    assert.equal(countOf(plan, 'b'), 8)
    assert.equal(plan.members.length, 3)
  })

  it('drops a stranger that has said that it leaves', () => {
    const seen = view({ members: { a: 10, b: 11 }, at: 2, strangers: ['a'] })
    const plan = nextPlan({ previous: twoMembers, view: seen, leaving: ['a'] })
    assert.equal(countOf(plan, 'b'), 8)
  })

  it('never goes back to fewer partitions of the same topic', () => {
    const late = view({ members: { a: 10, b: 11 }, at: 3, topics: [{ ...T8, partitions: 4 }] })
    assert.equal(nextPlan({ previous: twoMembers, view: late }).topics[0]!.owners.length, 8)
    const grown = view({ members: { a: 10, b: 11 }, at: 3, topics: [{ ...T8, partitions: 12 }] })
    assert.equal(nextPlan({ previous: twoMembers, view: grown }).topics[0]!.owners.length, 12)
  })

  it('follows a topic that was made again, with fewer partitions, or deleted', () => {
    const members = { a: 10, b: 11 }
    const again = view({ members, at: 2, topics: [{ topic: 't', topicId: 'id-2', partitions: 3 }] })
    const plan = nextPlan({ previous: twoMembers, view: again })
    assert.deepEqual([plan.topics[0]!.topicId, plan.topics[0]!.owners.length], ['id-2', 3])
    assert.deepEqual(nextPlan({ previous: plan, view: view({ members, at: 2, topics: [] }) }).topics, [])
  })

  it('follows the view where brokers have no topic ids: fewer partitions may be a topic made again', () => {
    const members = { a: 10, b: 11 }
    const before = view({ members, at: 2, topics: [{ topic: 't', topicId: null, partitions: 8 }] })
    const after = view({ members, at: 2, topics: [{ topic: 't', topicId: null, partitions: 3 }] })
    const plan = nextPlan({ previous: nextPlan({ previous: null, view: before }), view: after })
    assert.equal(plan.topics[0]!.owners.length, 3)
  })

  it('ends with the newest members and the most partitions, whatever order plans are tried in', () => {
    const looks = fc.array(
      fc.record({ at: fc.integer({ min: 1, max: 9 }), partitions: fc.integer({ min: 1, max: 20 }) }),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(looks, tried => {
        let plan: Plan | null = null
        let most = 0
        for (const { at, partitions } of tried) {
          const members = Object.fromEntries(Array.from({ length: at }, (_, i) => [`m${i}`, i + 1]))
          const seen = view({ members, at, topics: [{ ...T8, partitions }] })
          if (plan !== null && at < plan.ids.cversion) continue // it looks again instead
          plan = nextPlan({ previous: plan, view: seen })
          most = Math.max(most, partitions)
          assert.equal(plan.topics[0]!.owners.length, most)
          assert.equal(plan.members.length, at)
        }
      }),
    )
  })
})
