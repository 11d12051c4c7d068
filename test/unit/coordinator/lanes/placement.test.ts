import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { place } from '#src/coordinator/lanes/placement.js'

const idle = (threads: number): { weight: number; count: number }[] =>
  Array.from({ length: threads }, () => ({ weight: 0, count: 0 }))

describe('placement', () => {
  it('spreads equal partitions to within one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 9 }), (items, threads) => {
        const placed = place(
          Array.from({ length: items }, (_, item) => ({ item, weight: 1 })),
          idle(threads),
        )
        const counts = idle(threads).map(
          (_, thread) => [...placed.values()].filter(at => at === thread).length,
        )
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
        assert.equal(placed.size, items)
      }),
    )
  })

  it('keeps the heaviest thread within 4/3 of what is possible', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        (weights, threads) => {
          const placed = place(
            weights.map((weight, item) => ({ item, weight })),
            idle(threads),
          )
          const loads = idle(threads).map((_, thread) =>
            weights.reduce((sum, weight, item) => sum + (placed.get(item) === thread ? weight : 0), 0),
          )
          const sorted = [...weights].sort((a, b) => b - a)
          const lowerBound = Math.max(
            sorted[0]!,
            weights.reduce((a, b) => a + b, 0) / threads,
            (sorted[threads - 1] ?? 0) + (sorted[threads] ?? 0),
          )
          assert.ok(Math.max(...loads) <= (4 / 3) * lowerBound + 1e-9)
        },
      ),
    )
  })

  it('counts what the threads have already', () => {
    const placed = place(
      [{ item: 'new', weight: 1 }],
      [
        { weight: 5, count: 5 },
        { weight: 4, count: 4 },
      ],
    )
    assert.equal(placed.get('new'), 1)
  })
})
