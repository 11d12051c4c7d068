import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Assignment, Reader } from '#src/coordinator/assignment/assignment.js'
import { assignBalanced } from '#src/coordinator/assignment/balanced.js'
import {
  countByOwner,
  everyPartition,
  fairShares,
  movesBetween,
  reader,
  takenAway,
  topicsOf,
} from '../../../support/assignments.ts'

const NOTHING: Assignment = new Map()

function counts(assignment: Assignment): Record<string, number> {
  const counted = countByOwner(everyPartition(assignment))
  return Object.fromEntries(Array.from(counted, ([owner, count]) => [String(owner), count]))
}

describe('balanced', () => {
  it('gives a member alone everything', () => {
    const topics = topicsOf({ a: 3, b: 1 })
    const assignment = assignBalanced({ held: NOTHING, readers: [reader('m', ['a', 'b'])], topics })
    assert.deepEqual(
      assignment,
      new Map([
        ['a', ['m', 'm', 'm']],
        ['b', ['m']],
      ]),
    )
  })

  it('counts threads: a member with three times as many gets three times as much', () => {
    const readers = [reader('big', ['t'], 6), reader('small', ['t'], 2)]
    const assignment = assignBalanced({ held: NOTHING, readers, topics: topicsOf({ t: 32 }) })
    assert.deepEqual(counts(assignment), { big: 24, small: 8 })
  })

  it('gives each topic to its readers only, where one reads this and another that', () => {
    const readers = [reader('m1', ['a']), reader('m2', ['b'])]
    const assignment = assignBalanced({ held: NOTHING, readers, topics: topicsOf({ a: 2, b: 5 }) })
    assert.deepEqual(new Set(assignment.get('a')), new Set(['m1']))
    assert.deepEqual(new Set(assignment.get('b')), new Set(['m2']))
  })

  it('splits a shared topic by threads, however much else one of its readers reads', () => {
    const readers = [reader('one', ['a']), reader('both', ['a', 'b'])]
    const assignment = assignBalanced({ held: NOTHING, readers, topics: topicsOf({ a: 10, b: 10 }) })
    assert.deepEqual(counts(assignment), { one: 5, both: 15 })
  })

  it('counts the threads of each topic for itself', () => {
    const readers = [
      { memberId: 'm1', threads: new Map(Object.entries({ a: 3, b: 1 })) },
      { memberId: 'm2', threads: new Map(Object.entries({ a: 1, b: 3 })) },
    ]
    const assignment = assignBalanced({ held: NOTHING, readers, topics: topicsOf({ a: 8, b: 8 }) })
    assert.equal(assignment.get('a')!.filter(owner => owner === 'm1').length, 6)
    assert.deepEqual(counts(assignment), { m1: 8, m2: 8 })
  })

  it('leaves a topic that nobody reads without owners, and a group without members all of them', () => {
    const topics = topicsOf({ a: 2, b: 0 })
    assert.deepEqual(
      assignBalanced({ held: new Map([['a', ['gone', null]]]), readers: [reader('m', ['b'])], topics }),
      new Map([
        ['a', [null, null]],
        ['b', []],
      ]),
    )
    assert.deepEqual(
      assignBalanced({ held: NOTHING, readers: [], topics }),
      new Map([
        ['a', [null, null]],
        ['b', []],
      ]),
    )
  })

  it('takes from a member what it does not read any more', () => {
    const readers = [reader('m1', ['a']), reader('m2', ['a', 'b'])]
    const held = new Map([
      ['a', ['m1', 'm1']],
      ['b', ['m1', 'm1']],
    ])
    const assignment = assignBalanced({ held, readers, topics: topicsOf({ a: 2, b: 2 }) })
    assert.deepEqual(assignment.get('b'), ['m2', 'm2'])
  })

  it('moves partitions on in a chain where the one who has too much shares no topic with the one who has too little', () => {
    const readers = [reader('a', ['t1']), reader('ab', ['t1', 't2']), reader('b', ['t2'])]
    const held = new Map([
      ['t1', ['ab', 'ab', 'ab', 'ab']],
      ['t2', ['b', 'b', 'b', 'b']],
    ])
    const assignment = assignBalanced({ held, readers, topics: topicsOf({ t1: 4, t2: 4 }) })
    assert.deepEqual(counts(assignment), { a: 2, ab: 4, b: 2 })
    assert.equal(takenAway(held, assignment, readers).length, 4)
  })

  it('prefers who is nearest to one more, of those that may get one', () => {
    const readers = [reader('m1', ['t'], 11), reader('m2', ['t'], 19)]
    const assignment = assignBalanced({ held: NOTHING, readers, topics: topicsOf({ t: 3 }) })
    assert.deepEqual(counts(assignment), { m1: 1, m2: 2 }) // shares 1.1 and 1.9
  })

  it('hands a newcomer partitions of every topic, not all of one', () => {
    const topics = topicsOf({ a: 8, b: 8, c: 8, d: 8 })
    const names = topics.map(({ topic }) => topic)
    const two = [reader('m1', names), reader('m2', names)]
    const held = assignBalanced({ held: NOTHING, readers: two, topics })
    const assignment = assignBalanced({ held, readers: [...two, reader('new', names)], topics })
    for (const [topic, owners] of assignment) {
      const count = owners.filter(owner => owner === 'new').length
      assert.ok(count === 2 || count === 3, `${count} of ${topic}`)
    }
  })

  it('takes from each member the topics of which it has most', () => {
    const most = (first: string, second: string): string[] => [
      ...new Array<string>(4).fill(first),
      second,
      second,
    ]
    const readers = ['m1', 'm2', 'new'].map(memberId => reader(memberId, ['a', 'b']))
    for (const [a, b] of [
      [most('m1', 'm2'), most('m2', 'm1')],
      [most('m2', 'm1'), most('m1', 'm2')],
    ] as const) {
      const held = new Map(Object.entries({ a, b }))
      const assignment = assignBalanced({ held, readers, topics: topicsOf({ a: 6, b: 6 }) })
      for (const topic of assignment.keys())
        assert.deepEqual(counts(new Map([[topic, assignment.get(topic)!]])), { m1: 2, m2: 2, new: 2 })
    }
  })

  it('deals a new group its partitions in order', () => {
    const readers = [reader('m2', ['t']), reader('m1', ['t'])]
    const assignment = assignBalanced({ held: NOTHING, readers, topics: topicsOf({ t: 4 }) })
    assert.deepEqual(assignment.get('t'), ['m1', 'm1', 'm2', 'm2'])
  })

  it('stays balanced within each topic through a long history of joins and leaves', () => {
    const topics = Array.from({ length: 25 }, (_, index) => ({ topic: `t${index}`, partitions: 20 }))
    const names = topics.map(({ topic }) => topic)
    let readers: Reader[] = Array.from({ length: 20 }, (_, index) => reader(`m${index}`, names, 4))
    let held = assignBalanced({ held: NOTHING, readers, topics })
    let farthest = 0
    for (let step = 0; step < 120; step += 1) {
      if (step % 2 === 0) readers = readers.filter((_, index) => index !== (step * 31) % readers.length)
      else readers = [...readers, reader(`n${step}`, names, 4)]
      held = assignBalanced({ held, readers, topics })
      for (const owners of held.values())
        for (const { memberId } of readers) {
          const count = owners.filter(owner => owner === memberId).length
          farthest = Math.max(farthest, Math.abs(count - owners.length / readers.length))
        }
    }
    assert.ok(farthest < 2, `a member was ${farthest} partitions away from its share of a topic`)
  })

  it('keeps a restarted member what it had, and drops partitions that are no more', () => {
    const readers = [reader('m1', ['t']), reader('m2', ['t'])]
    const held = new Map([['t', ['m2', 'm1', 'm2', 'm1']]])
    assert.deepEqual(assignBalanced({ held, readers, topics: topicsOf({ t: 4 }) }), held)
    assert.deepEqual(
      assignBalanced({ held, readers, topics: topicsOf({ t: 2 }) }),
      new Map([['t', ['m2', 'm1']]]),
    )
  })
})

describe('balanced, at the size of large groups', () => {
  it('plans 50 members and 500 partitions in well under 50 ms, 200 members and 10,000 partitions in under 1 s', t => {
    const spread = (index: number): number => 1 + ((index * 13) % 64)
    const sizes = [
      { members: 50, topics: 25, partitions: 20, limitMs: 50 },
      { members: 50, topics: 1, partitions: 500, limitMs: 50 },
      { members: 50, topics: 500, partitions: 1, limitMs: 50 },
      { members: 200, topics: 20, partitions: 500, limitMs: 1000 },
      { members: 200, topics: 1000, partitions: 10, limitMs: 1000 },
    ]
    for (const { members, topics: topicCount, partitions, limitMs } of sizes) {
      const topics = Array.from({ length: topicCount }, (_, index) => ({ topic: `t${index}`, partitions }))
      const names = topics.map(({ topic }) => topic)
      const all = Array.from({ length: members }, (_, index) => reader(`m${index}`, names, spread(index)))
      const rounds = Array.from({ length: 3 }, () => measure(all, topics))
      for (const what of ['birth', 'leave', 'join'] as const) {
        const bestMs = Math.min(...rounds.map(round => round[what]))
        t.diagnostic(`${members} members, ${topicCount} × ${partitions}: ${what} ${bestMs.toFixed(1)} ms`)
        assert.ok(bestMs < limitMs, `${what} took ${bestMs} ms`)
      }
    }
  })

  it('moves a fiftieth of 500 partitions for the fiftieth member', () => {
    const topics = topicsOf({ t: 500 })
    const all = Array.from({ length: 50 }, (_, index) => reader(`m${index}`, ['t'], 4))
    const held = assignBalanced({ held: NOTHING, readers: all.slice(1), topics })
    const moves = movesBetween(held, assignBalanced({ held, readers: all, topics }))
    assert.equal(moves.length, fairShares(all, topics).get('m0'))
  })
})

function measure(
  readers: readonly Reader[],
  topics: readonly { topic: string; partitions: number }[],
): { birth: number; leave: number; join: number } {
  const timed = (held: Assignment, of: readonly Reader[]): [Assignment, number] => {
    const startMs = performance.now()
    const assignment = assignBalanced({ held, readers: of, topics })
    return [assignment, performance.now() - startMs]
  }
  const [first, birth] = timed(NOTHING, readers)
  const [second, leave] = timed(first, readers.slice(1))
  const [, join] = timed(second, readers)
  return { birth, leave, join }
}
