import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { partitionsOf } from '#src/coordinator/assignment/assignment.js'
import { assignByModulo } from '#src/coordinator/assignment/modulo.js'
import { topicsOf } from '../../../support/assignments.ts'

describe('modulo, the assignment of the Go original', () => {
  it('deals partitions round all ids, as was measured beside a member of it', () => {
    const assignment = assignByModulo(['vm-2-B', 'vm-1-A'], topicsOf({ t: 8 }))
    const numbers = (memberId: string): number[] =>
      partitionsOf(assignment, memberId).map(({ partition }) => partition)
    assert.deepEqual(numbers('vm-1-A'), [0, 2, 4, 6])
    assert.deepEqual(numbers('vm-2-B'), [1, 3, 5, 7])
  })

  it('begins anew with each topic', () => {
    const assignment = assignByModulo(['a', 'b'], topicsOf({ t: 3, u: 1 }))
    assert.deepEqual(assignment.get('u'), ['a'])
  })

  it('sorts ids by the bytes of UTF-8, as Go does: not by code units', () => {
    const astral = '\u{1F600}' // F0 9F 98 80, but D83D as a code unit
    const assignment = assignByModulo([astral, '\uFF21', 'a', 'Z', 'a-1', 'a!'], topicsOf({ t: 6 }))
    assert.deepEqual(assignment.get('t'), ['Z', 'a', 'a!', 'a-1', '\uFF21', astral])
  })

  it('leaves partitions without owner while no id is there', () => {
    assert.deepEqual(assignByModulo([], topicsOf({ t: 2 })).get('t'), [null, null])
  })

  it('is partition i to the id at i modulo their number, in whatever order ids are listed', () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(ids, fc.nat(40), (memberIds, partitions) => {
        const sorted = memberIds
          .map(id => Buffer.from(id))
          .sort((a, b) => Buffer.compare(a, b))
          .map(bytes => bytes.toString())
        const owners = assignByModulo(memberIds, topicsOf({ t: partitions })).get('t')!
        assert.equal(owners.length, partitions)
        owners.forEach((owner, index) => {
          assert.equal(owner, sorted[index % sorted.length])
        })
      }),
    )
  })
})
