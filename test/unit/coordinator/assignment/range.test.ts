import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Reader } from '#src/coordinator/assignment/assignment.js'
import { assignByRange, threadName } from '#src/coordinator/assignment/range.js'
import { reader, topicsOf } from '../../../support/assignments.ts'

/** What stands in the owner node of each partition of `t`. */
function ownerTexts(readers: readonly Reader[], partitions: number): (string | null)[] {
  const owners = assignByRange(readers, topicsOf({ t: partitions })).get('t')!
  return owners.map(owner => owner && threadName(owner))
}

describe('range, the assignment of the classic Scala consumer', () => {
  it('is what was measured of two of them: three each for two threads, two for one', () => {
    assert.deepEqual(ownerTexts([reader('ts', ['t'], 1), reader('m1', ['t'], 2)], 8), [
      ...['m1-0', 'm1-0', 'm1-0'],
      ...['m1-1', 'm1-1', 'm1-1'],
      ...['ts-0', 'ts-0'],
    ])
  })

  it('is the example in the documentation of Kafka', () => {
    const readers = [reader('C1', ['t'], 2), reader('C2', ['t'], 2)]
    assert.deepEqual(ownerTexts(readers, 5), ['C1-0', 'C1-0', 'C1-1', 'C2-0', 'C2-1'])
  })

  it('sorts the names of threads as strings: thread 10 comes before thread 2', () => {
    const expected = ['c-0', 'c-1', 'c-10', 'c-11', 'c-2', 'c-3', 'c-4', 'c-5', 'c-6', 'c-7', 'c-8', 'c-9']
    assert.deepEqual(ownerTexts([reader('c', ['t'], 12)], 12), expected)
  })

  it('sorts names and not ids: "a!" comes before "a"', () => {
    assert.deepEqual(ownerTexts([reader('a', ['t']), reader('a!', ['t'])], 2), ['a!-0', 'a-0'])
  })

  it('sorts by code units, as Java does: not by bytes', () => {
    const astral = '\u{1F600}'
    assert.deepEqual(ownerTexts([reader('\uFF21', ['t']), reader(astral, ['t'])], 2), [
      `${astral}-0`,
      '\uFF21-0',
    ])
  })

  it('leaves threads at the end without partitions when there are fewer', () => {
    assert.deepEqual(ownerTexts([reader('m', ['t'], 3)], 2), ['m-0', 'm-1'])
  })

  it('counts only who reads the topic', () => {
    assert.deepEqual(ownerTexts([reader('a', ['other'], 5), reader('b', ['t'])], 2), ['b-0', 'b-0'])
    assert.deepEqual(ownerTexts([reader('a', ['other'], 5)], 2), [null, null])
  })

  it('gives the k-th name the stretch that the formula of the consumer gives it', () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 6 })
    const readers = ids.chain(memberIds =>
      fc
        .array(fc.integer({ min: 1, max: 13 }), { minLength: memberIds.length, maxLength: memberIds.length })
        .map(threads => memberIds.map((memberId, index) => reader(memberId, ['t'], threads[index]))),
    )
    fc.assert(
      fc.property(readers, fc.nat(60), (members, partitions) => {
        const names = members
          .flatMap(({ memberId, threads }) =>
            Array.from({ length: threads.get('t')! }, (_, thread) => `${memberId}-${thread}`),
          )
          .sort() // by code units
        const expected: string[] = []
        const [q, r] = [Math.floor(partitions / names.length), partitions % names.length]
        names.forEach((name, k) => {
          for (let i = q * k + Math.min(k, r); i < q * k + Math.min(k, r) + q + (k < r ? 1 : 0); i += 1)
            expected[i] = name
        })
        assert.deepEqual(ownerTexts(members, partitions), expected)
      }),
    )
  })
})
