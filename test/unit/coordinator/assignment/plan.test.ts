import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isOlderThan, type IdsVersion } from '#src/coordinator/assignment/plan.js'

describe('looks at the ids of a group', () => {
  it('are ordered by the number of changes, and a new ids node comes after all of an earlier one', () => {
    const early = { czxid: 5n, cversion: 90 }
    const late = { czxid: 5n, cversion: 91 }
    const afterNew = { czxid: 700n, cversion: 1 }
    assert.ok(isOlderThan(early, late) && isOlderThan(late, afterNew))
    assert.ok(!isOlderThan(late, early) && !isOlderThan(afterNew, late) && !isOlderThan(late, late))
  })

  it('are in a total order', () => {
    const look: fc.Arbitrary<IdsVersion> = fc.record({
      czxid: fc.bigInt({ min: 0n, max: 3n }),
      cversion: fc.nat(3),
    })
    fc.assert(
      fc.property(look, look, look, (a, b, c) => {
        const isSame = a.czxid === b.czxid && a.cversion === b.cversion
        assert.equal(Number(isOlderThan(a, b)) + Number(isOlderThan(b, a)) + Number(isSame), 1)
        if (isOlderThan(a, b) && isOlderThan(b, c)) assert.ok(isOlderThan(a, c))
      }),
    )
  })
})
