import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FlowNetwork } from '#src/coordinator/assignment/flow-network.js'

describe('FlowNetwork', () => {
  it('fills the cheap way first and takes the dear one for the rest', () => {
    const network = new FlowNetwork(2)
    const cheap = network.addArc(0, 1, 3, 1)
    const dear = network.addArc(0, 1, 5, 4)
    assert.equal(network.send(0, 1), 8)
    assert.deepEqual([network.flowOver([cheap]), network.flowOver([dear])], [3, 5])
  })

  it('takes flow back where another way turns out better in all', () => {
    // 0 → 1 → 2 → 3 is the cheapest path, but two units only fit if neither uses 1 → 2.
    const network = new FlowNetwork(4)
    network.addArc(0, 1, 1, 0)
    network.addArc(0, 2, 1, 5)
    const middle = network.addArc(1, 2, 1, 0)
    network.addArc(1, 3, 1, 5)
    network.addArc(2, 3, 1, 0)
    assert.equal(network.send(0, 3), 2)
    assert.equal(network.flowOver([middle]), 0)
  })

  it('sends nothing where no way leads to the sink', () => {
    const network = new FlowNetwork(3)
    network.addArc(0, 1, 4, 0)
    assert.equal(network.send(0, 2), 0)
  })

  it('is as cheap as the best of all ways to match workers and tasks', () => {
    const square = fc.integer({ min: 1, max: 5 }).chain(size =>
      fc.array(fc.array(fc.nat(9), { minLength: size, maxLength: size }), {
        minLength: size,
        maxLength: size,
      }),
    )
    fc.assert(
      fc.property(square, prices => {
        const size = prices.length
        const network = new FlowNetwork(2 + 2 * size)
        const arcs = prices.flatMap((row, worker) => {
          network.addArc(0, 2 + worker, 1, 0)
          network.addArc(2 + size + worker, 1, 1, 0)
          return row.map((price, task) => ({
            price,
            arc: network.addArc(2 + worker, 2 + size + task, 1, price),
          }))
        })
        assert.equal(network.send(0, 1), size)
        const paid = arcs.reduce((sum, { price, arc }) => sum + price * network.flowOver([arc]), 0)
        assert.equal(paid, cheapestMatch(prices, 0, new Set()))
      }),
    )
  })
})

function cheapestMatch(prices: readonly (readonly number[])[], worker: number, taken: Set<number>): number {
  const row = prices[worker]
  if (row === undefined) return 0
  return Math.min(
    ...row.flatMap((price, task) =>
      taken.has(task) ? [] : [price + cheapestMatch(prices, worker + 1, new Set([...taken, task]))],
    ),
  )
}
