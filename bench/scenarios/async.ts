import { runContender } from '../lib/contender.js'
import { drawn } from '../lib/mixed-costs.js'
import type { BenchContext, Figure, Scenario } from '../lib/scenario.js'
import { median, spread } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'
import { perSecond, rate } from './throughput.js'

/** So many that the time in which threads start up and compile what they run is little of it. */
const SIZE = { topic: 'async', partitions: 1, records: 750_000, valueBytes: 100 }
const KEYS = 10_000
const THREADS = 2
const CONCURRENCY = 1_000
/** Of the handler: slow.ts. */
const HANDLING_MS = 20
const IDEAL = (CONCURRENCY / HANDLING_MS) * 1000

interface Order {
  readonly ordering: 'key' | 'none'
  readonly min: number
}

const ORDERS: readonly Order[] = [
  { ordering: 'none', min: 0.9 },
  { ordering: 'key', min: 0.8 },
]

/** One partition and a handler that only waits, many at once, against as many waits without a pause between them. */
export const async: Scenario = async context => {
  await createFilledTopic(context.stack.brokers, {
    ...SIZE,
    keyOf: number => `key-${Math.floor(drawn(number) * KEYS)}`,
  })
  const rates = ORDERS.map((): number[] => [])
  for (let round = 1; round <= context.rounds; round++)
    for (const [index, { ordering }] of ORDERS.entries()) {
      rates[index]!.push(await groupRate(context, ordering, round))
      context.say(`async round ${round}, ${ordering}: ${perSecond(rates[index]!.at(-1)!)}`)
    }
  return ORDERS.map((order, index) => figure(order, rates[index]!))
}

function figure({ ordering, min }: Order, rates: readonly number[]): Figure {
  const keys = ordering === 'key' ? `, ${KEYS} keys` : ''
  return {
    scenario: `one partition in order '${ordering}'${keys}, a handler that waits ${HANDLING_MS} ms, concurrency ${CONCURRENCY}, ${THREADS} threads`,
    ours: `${perSecond(median(rates))} (spread ${spread(rates).toFixed(2)})`,
    reference: `${CONCURRENCY} in ${HANDLING_MS} ms: ${perSecond(IDEAL)}`,
    ratio: median(rates) / IDEAL,
    bound: { min },
  }
}

async function groupRate(
  { stack }: BenchContext,
  ordering: Order['ordering'],
  round: number,
): Promise<number> {
  const { topic, records } = SIZE
  const input = { topic, records, groupId: `async-${ordering}-${round}`, threads: THREADS }
  const options = { ordering, concurrency: CONCURRENCY }
  const timing = await runContender('group.js', {
    ...input,
    ...{ zookeeper: stack.zookeeper, handler: 'slow.js', options },
  })
  return rate(timing)
}
