import { FlowNetwork } from './flow-network.ts'
import { addSteps, priceAt } from './nearness.ts'
import { addTo, keptCounts, sharesOf, type Pool, type PoolTopic } from './pools.ts'

const SOURCE = 0
const SINK = 1
const FIRST_SEAT = 2

/** Topics of a pool that look alike, and the arcs between them and the readers. */
interface Kind {
  readonly topics: readonly PoolTopic[]
  /** By seat: arcs for partitions that the reader gives up, and that it takes. */
  readonly gives: readonly (readonly number[])[]
  readonly takes: readonly (readonly number[])[]
}

/**
 * Moves partitions within a pool until every reader has its target: those above theirs give some up, the others take
 * these and the free ones. Which ones is chosen so that in each topic, too, the readers are as near to their shares as
 * the targets and the number of moves allow: the sum of the squared distances is the smallest possible, as far as the
 * constants tell distances apart.
 *
 * It is a flow again: from readers that give through the topics to readers that take. With squared distances every
 * further partition of a topic is dearer to a reader, hence an arc for each. Topics that look alike share a node:
 * thousands of small topics would make millions of arcs.
 */
export function handOver(pool: Pool, targets: readonly number[]): void {
  const kept = keptCounts(pool)
  const missing = targets.map((target, seat) => target - kept[seat]!)
  const alike = groupAlike(pool.topics)
  const network = new FlowNetwork(FIRST_SEAT + missing.length + alike.length)
  missing.forEach((count, seat) => {
    if (count > 0) network.addArc(FIRST_SEAT + seat, SINK, count, 0)
    if (count < 0) network.addArc(SOURCE, FIRST_SEAT + seat, -count, 0)
  })
  const kinds = alike.map((topics, index) =>
    addKind(network, FIRST_SEAT + missing.length + index, pool, topics, missing),
  )
  network.send(SOURCE, SINK)
  for (const kind of kinds) deal(network, pool, kind)
}

/** Topics of one size of which every reader has as many partitions: what holds for one holds for all. */
function groupAlike(topics: readonly PoolTopic[]): PoolTopic[][] {
  const groups = new Map<string, PoolTopic[]>()
  for (const topic of topics) {
    const kept = Array.from(topic.kept, ([position, { length }]) => `${position}:${length}`)
    const name = `${topic.size};${kept.sort().join()}`
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [topic])
    else group.push(topic)
  }
  return [...groups.values()]
}

function addKind(
  network: FlowNetwork,
  node: number,
  pool: Pool,
  topics: readonly PoolTopic[],
  missing: readonly number[],
): Kind {
  const { size, kept, free } = topics[0]!
  const shares = sharesOf(pool, size)
  const has = pool.readers.map(position => kept.get(position)?.length ?? 0)
  const each = topics.length
  network.addArc(SOURCE, node, free.length * each, 0)
  const gives = missing.map((count, seat) => {
    const steps = { count: Math.min(-count, has[seat]!), each, from: FIRST_SEAT + seat, to: node }
    return addSteps(network, steps, step => priceAt(shares[seat]! - (has[seat]! - step - 0.5)))
  })
  const isAnyToTake = free.length > 0 || gives.some(arcs => arcs.length > 0)
  const takes = missing.map((count, seat) => {
    const steps = { count: isAnyToTake ? Math.min(count, size) : 0, each, from: node, to: FIRST_SEAT + seat }
    return addSteps(network, steps, step => priceAt(has[seat]! + step + 0.5 - shares[seat]!))
  })
  return { topics, gives, takes }
}

/** Going round the topics of the kind, each of them gets as many as it loses, and about as many from and for each reader. */
function deal(network: FlowNetwork, { readers }: Pool, { topics, gives, takes }: Kind): void {
  let turn = 0
  const nextTopic = (): PoolTopic => topics[turn++ % topics.length]!
  gives.forEach((arcs, seat) => {
    for (let count = network.flowOver(arcs); count > 0; count -= 1) {
      const topic = nextTopic()
      topic.free.push(topic.kept.get(readers[seat]!)!.pop()!)
    }
  })
  for (const { free } of topics) free.sort((a, b) => b - a)
  turn = 0
  takes.forEach((arcs, seat) => {
    for (let count = network.flowOver(arcs); count > 0; count -= 1) {
      const topic = nextTopic()
      addTo(topic.kept, readers[seat]!, topic.free.pop()!)
    }
  })
}
