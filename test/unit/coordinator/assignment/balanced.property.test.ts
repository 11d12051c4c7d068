import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Assignment, TopicSize } from '#src/coordinator/assignment/assignment.js'
import { assignBalanced } from '#src/coordinator/assignment/balanced.js'
import {
  bounds,
  changed,
  changes,
  countByOwner,
  everyPartition,
  fairShares,
  movesBetween,
  reader,
  sixSizes,
  takenAway,
  type Change,
  type Group,
} from '../../../support/assignments.ts'

const NOTHING: Assignment = new Map()
const anyThreads = fc.integer({ min: 1, max: 64 })

interface Step {
  readonly change: Change
  readonly before: { readonly group: Group; readonly assignment: Assignment }
  readonly after: { readonly group: Group; readonly assignment: Assignment }
}

/** Carries the changes out one by one, each on the plan before it. */
function* history(topics: readonly TopicSize[], happening: readonly Change[]): Generator<Step> {
  let group: Group = { readers: [], topics }
  let assignment = NOTHING
  for (const [number, change] of happening.entries()) {
    const before = { group, assignment }
    group = changed(group, change, number)
    assignment = assignBalanced({ held: assignment, ...group })
    yield { change, before, after: { group, assignment } }
  }
}

function assertBalanced({ readers, topics }: Group, assignment: Assignment): void {
  const partitions = everyPartition(assignment)
  assert.equal(
    partitions.length,
    topics.reduce((sum, size) => sum + size.partitions, 0),
  )
  for (const { topic, owner } of partitions) {
    const audience = readers.filter(({ threads }) => threads.has(topic)).map(({ memberId }) => memberId)
    assert.ok(
      owner === null ? audience.length === 0 : audience.includes(owner),
      `${topic} of ${String(owner)}`,
    )
  }
  const counts = countByOwner(partitions)
  for (const [memberId, share] of fairShares(readers, topics)) {
    const { least, most } = bounds(share)
    const count = counts.get(memberId) ?? 0
    assert.ok(least <= count && count <= most, `${memberId} has ${count} for a share of ${share}`)
  }
}

/** The fewest moves with the bounds, where all partitions are open to all: see the docs of `assignBalanced`. */
function fewestMoves({ readers, topics }: Group, held: Assignment): number {
  const sizes = new Map(topics.map(size => [size.topic, size.partitions]))
  const owned = everyPartition(held).filter(({ topic, partition }) => partition < sizes.get(topic)!)
  const counts = countByOwner(owned.filter(({ owner }) => readers.some(({ memberId }) => memberId === owner)))
  const heldCount = [...counts.values()].reduce((sum, count) => sum + count, 0)
  let beyond = 0
  let short = 0
  for (const [memberId, share] of fairShares(readers, topics)) {
    const { least, most } = bounds(share)
    beyond += Math.max(0, (counts.get(memberId) ?? 0) - most)
    short += Math.max(0, least - (counts.get(memberId) ?? 0))
  }
  const free = topics.reduce((sum, size) => sum + size.partitions, 0) - heldCount
  return Math.max(beyond, short - free)
}

/** The fewest moves of all assignments that keep the bounds, found by trying every one. */
function fewestByTrying({ readers, topics }: Group, held: Assignment): number {
  const shares = fairShares(readers, topics)
  const slots = topics.flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({
      holder: held.get(topic)?.[partition] ?? null,
      choices: readers.filter(({ threads }) => threads.has(topic)).map(({ memberId }) => memberId),
    })),
  )
  const counts = new Map(readers.map(({ memberId }) => [memberId, 0]))
  let fewest = Infinity
  const place = (index: number, moves: number): void => {
    if (moves >= fewest) return
    const slot = slots[index]
    if (slot === undefined) {
      const fits = [...counts].every(([memberId, count]) => {
        const { least, most } = bounds(shares.get(memberId)!)
        return least <= count && count <= most
      })
      if (fits) fewest = moves
      return
    }
    if (slot.choices.length === 0) place(index + 1, moves)
    for (const choice of slot.choices) {
      counts.set(choice, counts.get(choice)! + 1)
      const isMove = choice !== slot.holder && slot.choices.includes(slot.holder ?? '')
      place(index + 1, moves + (isMove ? 1 : 0))
      counts.set(choice, counts.get(choice)! - 1)
    }
  }
  place(0, 0)
  return fewest
}

describe('balanced, through any history of a group', () => {
  it('keeps every member at its share rounded down or up, whoever reads what with however many threads', () => {
    fc.assert(
      fc.property(sixSizes, changes({ sameTopics: false, threads: anyThreads }), (topics, happening) => {
        for (const { after } of history(topics, happening)) assertBalanced(after.group, after.assignment)
      }),
      { numRuns: 150 },
    )
  })

  it('takes away exactly the fewest partitions where all read the same topics, and nobody both loses and gets', () => {
    fc.assert(
      fc.property(sixSizes, changes({ sameTopics: true, threads: anyThreads }), (topics, happening) => {
        for (const { before, after } of history(topics, happening)) {
          assertBalanced(after.group, after.assignment)
          const taken = takenAway(before.assignment, after.assignment, after.group.readers)
          assert.equal(taken.length, fewestMoves(after.group, before.assignment))
          const losers = new Set(taken.map(({ from }) => from))
          for (const { owner } of movesBetween(before.assignment, after.assignment))
            assert.ok(!losers.has(owner), `${String(owner)} both loses and gets partitions`)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('moves what a leaver had and nothing else where all have the same threads and topics', () => {
    fc.assert(
      fc.property(sixSizes, changes({ sameTopics: true, threads: fc.constant(4) }), (topics, happening) => {
        for (const { change, before, after } of history(topics, happening)) {
          if (change.type !== 'leave' || after.group.readers.length === 0) continue
          assert.deepEqual(takenAway(before.assignment, after.assignment, after.group.readers), [])
        }
      }),
      { numRuns: 150 },
    )
  })

  it('moves partitions to a newcomer only, and no more than its share, where all have the same threads and topics', () => {
    fc.assert(
      fc.property(sixSizes, changes({ sameTopics: true, threads: fc.constant(4) }), (topics, happening) => {
        for (const { change, before, after } of history(topics, happening)) {
          if (change.type !== 'join') continue
          const moves = movesBetween(before.assignment, after.assignment)
          const newcomer = after.group.readers.at(-1)!.memberId
          assert.deepEqual(
            new Set(moves.map(({ owner }) => owner)),
            new Set(moves.length > 0 ? [newcomer] : []),
          )
          const { least, most } = bounds(fairShares(after.group.readers, after.group.topics).get(newcomer)!)
          assert.ok(least <= moves.length && moves.length <= most)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('takes away as few as trying every assignment finds, where members read different topics', () => {
    const smallTopics = fc
      .tuple(fc.nat(3), fc.nat(2), fc.nat(2))
      .map(sizes => sizes.map((partitions, index) => ({ topic: 'abc'[index]!, partitions })))
    const fewMembers = fc
      .array(fc.record({ threads: fc.integer({ min: 1, max: 3 }), reads: fc.subarray(['a', 'b', 'c']) }), {
        minLength: 1,
        maxLength: 4,
      })
      .map(members => members.map(({ reads, threads }, index) => reader(`m${index}`, reads, threads)))
    const anyHolders = fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 9, maxLength: 9 })
    fc.assert(
      fc.property(smallTopics, fewMembers, anyHolders, (topics, readers, holders) => {
        const held = new Map(
          topics.map(({ topic }, index) => [
            topic,
            holders.slice(index * 3, index * 3 + 3).map(holder => (holder < 0 ? null : `m${holder}`)),
          ]),
        )
        const assignment = assignBalanced({ held, readers, topics })
        assertBalanced({ readers, topics }, assignment)
        const taken = takenAway(held, assignment, readers).length
        assert.equal(taken, fewestByTrying({ readers, topics }, held))
      }),
      { numRuns: 400 },
    )
  })

  it('gives the same for the same input in any order, and itself again for its own result', () => {
    const shuffled = <T>(items: readonly T[], seed: number): T[] =>
      items
        .map((item, index) => ({ item, key: ((index + 1) * (seed + 17) * 7919) % 1013 }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item)
    fc.assert(
      fc.property(
        sixSizes,
        changes({ sameTopics: false, threads: anyThreads }),
        fc.nat(1000),
        (topics, happening, seed) => {
          for (const { before, after } of history(topics, happening)) {
            const readers = shuffled(after.group.readers, seed).map(({ memberId, threads }) => ({
              memberId,
              threads: new Map(shuffled([...threads], seed + 1)),
            }))
            const input = {
              held: new Map(shuffled([...before.assignment], seed + 2)),
              readers,
              topics: shuffled(after.group.topics, seed + 3),
            }
            assert.deepEqual(sorted(assignBalanced(input)), sorted(after.assignment))
            const again = assignBalanced({ held: after.assignment, ...after.group })
            assert.deepEqual(sorted(again), sorted(after.assignment))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('divides each topic as evenly as everything, in a new group whose members are alike', () => {
    fc.assert(
      fc.property(sixSizes, fc.integer({ min: 1, max: 20 }), (topics, members) => {
        const names = topics.map(({ topic }) => topic)
        const readers = Array.from({ length: members }, (_, index) => reader(`m${index}`, names, 4))
        const assignment = assignBalanced({ held: NOTHING, readers, topics })
        for (const { topic, partitions } of topics) {
          const counts = countByOwner(everyPartition(new Map([[topic, assignment.get(topic)!]])))
          for (const { memberId } of readers) {
            const count = counts.get(memberId) ?? 0
            assert.ok(Math.abs(count - partitions / members) < 1, `${memberId} has ${count} of ${partitions}`)
          }
        }
      }),
    )
  })

  it('leaves to keepers what they hold, and balances the rest among the others', () => {
    fc.assert(
      fc.property(sixSizes, changes({ sameTopics: true, threads: anyThreads }), (topics, happening) => {
        const { group, assignment: held } = [...history(topics, happening)].at(-1)!.after
        const [stranger, ...readers] = group.readers
        if (stranger === undefined || readers.length === 0) return
        const isTheirs = (owner: string | null): boolean => owner === stranger.memberId
        const keepers = new Set([stranger.memberId])
        const assignment = assignBalanced({ held, readers, topics: group.topics, keepers })
        for (const [topic, owners] of assignment)
          assert.deepEqual(owners.map(isTheirs), held.get(topic)!.map(isTheirs))
        const rest = new Map(
          Array.from(assignment, ([topic, owners]) => [topic, owners.filter(owner => !isTheirs(owner))]),
        )
        const sizes = Array.from(rest, ([topic, owners]) => ({ topic, partitions: owners.length }))
        assertBalanced({ readers, topics: sizes }, rest)
      }),
      { numRuns: 150 },
    )
  })
})

function sorted(assignment: Assignment): [string, readonly (string | null)[]][] {
  return [...assignment].sort(([a], [b]) => (a < b ? -1 : 1))
}
