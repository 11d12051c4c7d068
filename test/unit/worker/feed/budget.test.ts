import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { hasRoom, laneShare } from '#src/worker/feed/budget.js'

const MIB = 2 ** 20
const LIMITS = { maxBufferedBytes: 32 * MIB, maxBytesPerPartition: MIB }

describe('the budget of a lane', () => {
  it('is two full fetches while there is enough for all', () => {
    assert.deepEqual(laneShare(LIMITS, 1), { shareBytes: 2 * MIB, fetchBytes: MIB })
    assert.deepEqual(laneShare(LIMITS, 16), { shareBytes: 2 * MIB, fetchBytes: MIB })
  })

  it('is an even part, fetched by halves, when lanes are many', () => {
    assert.deepEqual(laneShare(LIMITS, 64), { shareBytes: MIB / 2, fetchBytes: MIB / 4 })
  })

  it('leaves room for the next fetch while one answer is being handled, and none beside two', () => {
    const share = laneShare(LIMITS, 8)
    assert.equal(hasRoom(share, 0, MIB), true)
    assert.equal(hasRoom(share, MIB, MIB), true)
    assert.equal(hasRoom(share, MIB + 1, MIB), false)
    assert.equal(hasRoom(share, 2 * MIB, MIB), false)
  })

  it('lets an empty lane ask however small its share is: a batch larger than that must get through', () => {
    const share = laneShare({ maxBufferedBytes: 1000, maxBytesPerPartition: 1000 }, 100)
    assert.equal(hasRoom(share, 0, MIB), true)
    assert.equal(hasRoom(share, 1, MIB), false)
  })

  it('lets an empty lane ask also when more is used elsewhere than there is', () => {
    const share = laneShare({ ...LIMITS, maxBufferedBytes: -MIB }, 4)
    assert.ok(share.fetchBytes > 0)
    assert.equal(hasRoom(share, 0, -MIB), true)
    assert.equal(hasRoom(share, 1, -MIB), false)
  })

  it('gives a lane nothing ahead while others still hold what they got when lanes were few', () => {
    const share = laneShare(LIMITS, 8)
    assert.equal(hasRoom(share, MIB, MIB - 1), false)
    assert.equal(hasRoom(share, 0, -5 * MIB), true)
  })

  it('never adds up to more than the thread may hold, whatever order lanes fill in', () => {
    const sizes = fc.record({
      maxBufferedBytes: fc.integer({ min: 16 * MIB, max: 256 * MIB }),
      maxBytesPerPartition: fc.integer({ min: 64 * 1024, max: 4 * MIB }),
      lanes: fc.integer({ min: 1, max: 256 }),
      asks: fc.array(fc.nat(255), { maxLength: 2000 }),
    })
    fc.assert(
      fc.property(sizes, ({ lanes, asks, ...limits }) => {
        const share = laneShare(limits, lanes)
        const buffered = new Array<number>(lanes).fill(0)
        for (const ask of asks) {
          const lane = ask % lanes
          if (hasRoom(share, buffered[lane]!, Infinity)) buffered[lane]! += share.fetchBytes
        }
        assert.ok(buffered.reduce((sum, bytes) => sum + bytes, 0) <= limits.maxBufferedBytes)
      }),
    )
  })
})
