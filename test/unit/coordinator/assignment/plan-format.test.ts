import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pack } from 'msgpackr'
import { decodePlan, encodePlan } from '#src/coordinator/assignment/plan-format.js'
import type { Plan } from '#src/coordinator/assignment/plan.js'
import { isGroupError } from '#src/shared/errors.js'
import { thrown } from '../../../support/group-error.ts'

const PATH = '/consumers/g/plan'
/** What ZooKeeper takes for one node, unless it is configured otherwise. */
const NODE_LIMIT_BYTES = 1024 * 1024

const zxid = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const name = fc.string({ minLength: 1, maxLength: 12 })
const byName = <T>(nameOf: (item: T) => string) => ({ selector: nameOf })

const plans: fc.Arbitrary<Plan> = fc
  .record({
    ids: fc.record({ czxid: zxid, cversion: fc.nat() }),
    members: fc.uniqueArray(
      fc.record({ memberId: name, czxid: zxid, isLeaving: fc.boolean() }),
      byName(({ memberId }) => memberId),
    ),
    topics: fc.uniqueArray(
      fc.record({
        topic: name,
        topicId: fc.option(name),
        owners: fc.array(fc.option(fc.nat()), { maxLength: 20 }),
      }),
      byName(({ topic }) => topic),
    ),
  })
  .map(({ ids, members, topics }) => ({
    ids: { ...ids },
    members: members.map(member => ({ ...member })).sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
    topics: topics
      .map(topic => ({ ...topic, owners: topic.owners.map(owner => nameAt(members, owner)) }))
      .sort((a, b) => (a.topic < b.topic ? -1 : 1)),
  }))

function nameAt(members: readonly { readonly memberId: string }[], index: number | null): string | null {
  return index === null || members.length === 0 ? null : members[index % members.length]!.memberId
}

describe('the plan node', () => {
  it('is read as it was written', () => {
    fc.assert(fc.property(plans, plan => assert.deepEqual(decodePlan(encodePlan(plan), PATH), plan)))
  })

  it('has the same bytes for the same plan, in whatever order its lists are', () => {
    fc.assert(
      fc.property(plans, plan => {
        const reversed = { ...plan, members: plan.members.toReversed(), topics: plan.topics.toReversed() }
        assert.deepEqual(encodePlan(reversed), encodePlan(plan))
      }),
    )
  })

  it('holds what its format says, and nothing else', () => {
    const plan: Plan = {
      ids: { czxid: 7n, cversion: 3 },
      members: [
        { memberId: 'a', czxid: 8n, isLeaving: false },
        { memberId: 'b', czxid: 9n, isLeaving: true },
      ],
      topics: [{ topic: 't', topicId: 'x', owners: ['a', null] }],
    }
    const content = [1, [7n, 3], [['a', 8n, false], ['b', 9n, true]], [['t', 'x', [0, null]]]] // prettier-ignore
    assert.deepEqual(encodePlan(plan), pack(content))
  })

  it('cannot be given an owner that is no member', () => {
    const plan = { ids: { czxid: 1n, cversion: 0 }, members: [], topics: [] }
    const topics = [{ topic: 't', topicId: null, owners: ['nobody'] }]
    thrown(() => encodePlan({ ...plan, topics }), 'INTERNAL')
  })

  it('of another version is told from a damaged one', () => {
    for (const data of [pack([2]), pack([2, { anything: 'else' }])]) {
      const error = thrown(() => decodePlan(data, PATH), 'FORMAT_UNKNOWN')
      assert.deepEqual(error.details, { path: PATH, formatVersion: 2 })
    }
  })

  it('that is damaged is named, with what is wrong', () => {
    const ids = [7n, 3]
    const a = ['a', 8n, false]
    const damaged: [unknown, RegExp][] = [
      [null, /plan: no list/],
      [{ 0: 1 }, /plan: no list/],
      [[], /format: not a whole number/],
      [['1', ids, [], []], /format: not a whole number/],
      [[1, ids, []], /plan: 2 items, not 3/],
      [[1, [7, 3], [], []], /czxid of ids: no transaction id/],
      [[1, [-7n, 3], [], []], /czxid of ids: no transaction id/],
      [[1, [7n, 1.5], [], []], /cversion of ids: not a whole number/],
      [[1, ids, 'a', []], /members: no list/],
      [[1, ids, [['a', 8n]], []], /member: 2 items/],
      [[1, ids, [['', 8n, false]], []], /memberId: no text/],
      [[1, ids, [['a', 8n, 0]], []], /leaving/],
      [[1, ids, [a, a], []], /members: not sorted, or one name twice/],
      [[1, ids, [a], [['t', null, [1]]]], /an owner is not in the list/],
      [[1, ids, [a], [['t', null, [-1]]]], /owner: not a whole number/],
      [[1, ids, [a], [['t', null, ['a']]]], /owner: not a whole number/],
      [[1, ids, [a], [['t', 5, [0]]]], /topicId: no text/],
      [[1, ids, [a], [['u', null, []], ['t', null, []]]], /topics: not sorted/], // prettier-ignore
    ]
    for (const [content, reason] of damaged) {
      const error = thrown(() => decodePlan(pack(content), PATH), 'PLAN_CORRUPT')
      assert.match(error.message, reason)
      assert.ok(error.message.startsWith(PATH))
    }
  })

  it('is a plan or an error that names the node, whatever bytes it holds', () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map(array => Buffer.from(array))
    const damaged = fc.tuple(plans, fc.nat(), fc.nat(255)).map(([plan, at, byte]) => {
      const data = Buffer.from(encodePlan(plan))
      data[at % data.length] = byte
      return data
    })
    const cut = fc.tuple(plans, fc.nat()).map(([plan, at]) => {
      const data = encodePlan(plan)
      return data.subarray(0, at % data.length)
    })
    const values = fc.anything({ withBigInt: false, withDate: true }).map(value => pack(value))
    fc.assert(
      fc.property(fc.oneof(bytes, damaged, cut, values), data => {
        try {
          const plan = decodePlan(data, PATH)
          assert.deepEqual(decodePlan(encodePlan(plan), PATH), plan)
        } catch (error) {
          assert.ok(
            isGroupError(error, 'PLAN_CORRUPT') || isGroupError(error, 'FORMAT_UNKNOWN'),
            String(error),
          )
          assert.ok(error.message.includes(PATH))
        }
      }),
      { numRuns: 3_000 },
    )
  })

  it('claims no memory for lists that are not there, and survives nesting without end', () => {
    const hugeLists = Buffer.concat(Array.from({ length: 40 }, () => Buffer.from([0xdd, 1, 255, 255, 255])))
    thrown(() => decodePlan(hugeLists, PATH), 'PLAN_CORRUPT')
    thrown(() => decodePlan(Buffer.alloc(1_000_000, 0x91), PATH), 'PLAN_CORRUPT')
    thrown(() => decodePlan(Buffer.alloc(0), PATH), 'PLAN_CORRUPT')
  })

  it('is small: a few kilobytes for 50 members and 500 partitions, far below what ZooKeeper takes', t => {
    const sizes = [
      { members: 50, topics: 25, partitions: 20, limitBytes: 8 * 1024 },
      { members: 200, topics: 100, partitions: 100, limitBytes: 64 * 1024 },
    ]
    for (const { members, topics, partitions, limitBytes } of sizes) {
      const { length } = encodePlan(largePlan(members, topics, partitions))
      t.diagnostic(`${members} members, ${topics * partitions} partitions: ${length} bytes`)
      assert.ok(length < limitBytes && limitBytes < NODE_LIMIT_BYTES)
    }
  })
})

/** With ids as the members make them by default, on hosts with long names. */
function largePlan(members: number, topics: number, partitions: number): Plan {
  const padded = (value: number): string => String(value).padStart(8, '0')
  const ids = Array.from({ length: members }, (_, i) => `consumer-host-${padded(i)}-1795459583587-GSKQKGND`)
  return {
    ids: { czxid: 2n ** 40n, cversion: 123_456 },
    members: ids.map((memberId, i) => ({ memberId, czxid: 2n ** 40n + BigInt(i), isLeaving: false })),
    topics: Array.from({ length: topics }, (_, i) => ({
      topic: `a-topic-with-a-name-of-usual-length-${padded(i)}`,
      topicId: 'Zx0kVhSsQ5K3bWg1cYJt4A',
      owners: Array.from({ length: partitions }, (_, partition) => ids[(i + partition) % members]!),
    })),
  }
}
