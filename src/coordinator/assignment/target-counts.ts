import { GroupError } from '../../shared/errors.ts'
import { FlowNetwork } from './flow-network.ts'
import { addSteps, HIGHEST_PRICE, priceAt } from './nearness.ts'
import { keptCounts, poolSize, sharesOf, type Pool } from './pools.ts'

/** Shares are sums of fractions: one that is this near to a whole number is that number. */
const ROUNDING_ERROR = 1e-9

const SOURCE = 0
const SINK = 1
const FIRST_READER = 2

/**
 * How many partitions of each pool every one of its readers should have. Every total is the reader's share, rounded down
 * or up; of all ways to do that, this is one that takes the fewest partitions away from readers that have them; of
 * these, one that is nearest to the shares of each pool, as far as prices tell.
 *
 * It is a flow: partitions go from the pools through the readers. What a reader has already passes for nothing, anything
 * else at the price of a move, and nobody gets more than it must have unless all have that. A flow that splits
 * partitions exists (to everybody its share), so one of whole partitions does too.
 */
export function targetCounts(pools: readonly Pool[], readerCount: number): number[][] {
  const allPartitions = pools.reduce((sum, pool) => sum + poolSize(pool), 0)
  const priceOfMove = (HIGHEST_PRICE + 1) * (allPartitions + 1) // more than all nearness together
  const priceAboveLeast = priceOfMove * (allPartitions + 1) // more than all moves together

  const network = new FlowNetwork(FIRST_READER + readerCount + pools.length)
  totalShares(pools, readerCount).forEach((share, reader) => {
    const least = Math.floor(share + ROUNDING_ERROR)
    const most = Math.ceil(share - ROUNDING_ERROR)
    network.addArc(FIRST_READER + reader, SINK, least, 0)
    network.addArc(FIRST_READER + reader, SINK, most - least, priceAboveLeast)
  })
  const arcs = pools.map((pool, index) => {
    const node = FIRST_READER + readerCount + index
    const [size, kept] = [poolSize(pool), keptCounts(pool)]
    const shares = sharesOf(pool, size)
    network.addArc(SOURCE, node, size, 0)
    return pool.readers.map((reader, seat) =>
      addSteps(network, { from: node, to: FIRST_READER + reader, count: size, each: 1 }, step => {
        const nearness = priceAt(step + 0.5 - shares[seat]!)
        return step < kept[seat]! ? nearness : priceOfMove + nearness
      }),
    )
  })
  if (network.send(SOURCE, SINK) !== allPartitions)
    throw new GroupError('INTERNAL', 'no assignment keeps to the weighted shares')
  return arcs.map(ofPool => ofPool.map(ofReader => network.flowOver(ofReader)))
}

function totalShares(pools: readonly Pool[], readerCount: number): number[] {
  const shares = new Array<number>(readerCount).fill(0)
  for (const pool of pools)
    sharesOf(pool, poolSize(pool)).forEach((share, seat) => (shares[pool.readers[seat]!]! += share))
  return shares
}
