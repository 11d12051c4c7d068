import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RingBudget } from '#src/coordinator/partitions/work/ring-budget.js'
import { withIndex } from '#src/coordinator/partitions/work/ring-shape.js'

const MIB = 2 ** 20
const LEAST = withIndex(MIB)

function budget(): RingBudget {
  return new RingBudget({
    threads: 2,
    concurrency: 1,
    ringBytesPerPartition: 16 * MIB,
    maxBufferedBytes: 64 * MIB,
  })
}

function grant(of: RingBudget, partitions: number, count: number): number[] {
  return Array.from({ length: count }, () => of.grant(partitions).bytes)
}

describe('the memory of rings', () => {
  it('is what the options ask for, with its index, as long as there is enough', () => {
    assert.deepEqual(grant(budget(), 1, 1), [withIndex(16 * MIB)])
  })

  it('is divided evenly among partitions that come together', () => {
    assert.deepEqual(grant(budget(), 8, 8), Array(8).fill(4 * MIB))
  })

  it('is no more than half of what may be buffered, however they come, but for the least that each gets', () => {
    const rings = budget()
    const bytes = [1, 2, 3, 4, 5, 6, 7].map(partitions => rings.grant(partitions).bytes)
    const beyondTheLeast = bytes.filter(one => one > LEAST).reduce((sum, one) => sum + one, 0)
    assert.ok(beyondTheLeast <= 32 * MIB, `${beyondTheLeast}`)
    assert.deepEqual(bytes.slice(3), Array(4).fill(LEAST))
  })

  it('goes to those that come later once it was given back, which counts once', () => {
    const rings = budget()
    const first = rings.grant(2)
    rings.grant(2)
    first.giveBack()
    first.giveBack()
    assert.deepEqual(grant(rings, 2, 2), [16 * MIB, LEAST])
  })
})
