import { runContender } from '../lib/contender.js'
import { drawn } from '../lib/mixed-costs.js'
import { calibrateNativeCpu } from '../lib/native-cpu.js'
import type { BenchContext, Figure, Scenario } from '../lib/scenario.js'
import { median, spread } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'
import { hottest, zipfKeys } from '../lib/zipf.js'
import { perSecond, rate } from './throughput.js'

const KEYS = 5_000
const THREADS = 2
const CALL_US = 125
/** So many records that the time in which threads start up and compile what they run is little of it. */
const EVEN = { topic: 'hot-partition', partitions: 1, records: 80_000, valueBytes: 100 }
const SKEWED = { ...EVEN, records: 80_000 }
const SALTS = 10

/** One partition in key order on two threads, against two bare threads doing the work of its handler over values in memory. */
export const hotPartition: Scenario = async context => {
  calibrateNativeCpu(CALL_US)
  return [await evenKeys(context), await skewedKeys(context)]
}

async function evenKeys(context: BenchContext): Promise<Figure> {
  const { stack, rounds, say } = context
  await createFilledTopic(stack.brokers, {
    ...EVEN,
    keyOf: number => `key-${Math.floor(drawn(number) * KEYS)}`,
  })
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 1; round <= rounds; round++) {
    bare.push(await bareRate(EVEN.records))
    ours.push(await groupRate(context, EVEN, `hot-${round}`))
    say(
      `hot-partition round ${round}: ours ${perSecond(ours.at(-1)!)}, bare threads ${perSecond(bare.at(-1)!)}`,
    )
  }
  return {
    scenario: `one partition, ${KEYS} keys in key order, ${THREADS} threads, pbkdf2`,
    ours: `${perSecond(median(ours))} (spread ${spread(ours).toFixed(2)})`,
    reference: `bare threads ${perSecond(median(bare))} (spread ${spread(bare).toFixed(2)})`,
    ratio: median(ours) / median(bare),
    bound: { min: 0.9 },
  }
}

/** The salt decides which lanes the hot keys meet in. */
async function skewedKeys(context: BenchContext): Promise<Figure> {
  const { stack, say } = context
  const keys = zipfKeys(SKEWED.records, KEYS)
  const reachable = Math.min(1, SKEWED.records / hottest(keys) / THREADS)
  const ours: number[] = []
  const bounds: number[] = []
  for (let salt = 1; salt <= SALTS; salt++) {
    const size = { ...SKEWED, topic: `zipf-${salt}` }
    await createFilledTopic(stack.brokers, { ...size, keyOf: number => `${salt}/${keys[number]!}` })
    bounds.push(reachable * (await bareRate(size.records)))
    ours.push(await groupRate(context, size, `zipf-${salt}`))
    say(
      `hot-partition salt ${salt}: ours ${perSecond(ours.at(-1)!)}, the hottest key allows ${perSecond(bounds.at(-1)!)}`,
    )
  }
  return {
    scenario: `one partition, ${KEYS} keys, Zipf (s = 1), ${SALTS} salts, ${THREADS} threads, pbkdf2`,
    ours: `${perSecond(median(ours))} (spread ${spread(ours).toFixed(2)})`,
    reference: `what the hottest key allows ${perSecond(median(bounds))}: ${(100 * reachable).toFixed(0)} % of bare threads`,
    ratio: median(ours.map((own, index) => own / bounds[index]!)),
    bound: { min: 0.85 },
  }
}

async function bareRate(records: number): Promise<number> {
  return rate(
    await runContender('bare-threads.js', { threads: THREADS, records, valueBytes: EVEN.valueBytes }),
  )
}

async function groupRate(
  { stack }: BenchContext,
  { topic, records }: { readonly topic: string; readonly records: number },
  groupId: string,
): Promise<number> {
  const input = { topic, records, groupId, threads: THREADS, zookeeper: stack.zookeeper }
  const options = { ordering: 'key' } as const
  return rate(await runContender('group.js', { ...input, handler: 'pbkdf2.js', options }))
}
