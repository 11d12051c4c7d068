import { runContender } from '../lib/contender.js'
import { SLOW_FACTOR } from '../lib/mixed-costs.js'
import { calibrateNativeCpu } from '../lib/native-cpu.js'
import type { BenchContext, Figure, Scenario } from '../lib/scenario.js'
import { median, spread } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'
import { perSecond, rate } from './throughput.js'

const THREADS = 2
const CALL_US = 10
const VALUE_BYTES = 100

interface Mix {
  readonly name: string
  readonly topic: string
  readonly records: number
  readonly slowOneIn: number
}

const MIXES: readonly Mix[] = [
  { name: 'half of the records slow', topic: 'half-slow', records: 1_600, slowOneIn: 2 },
  // So many that half a second of CPU in which threads start up and compile what they run is little of it.
  { name: 'half of the time in slow records', topic: 'few-slow', records: 1_200_000, slowOneIn: SLOW_FACTOR },
]

/** One partition without order, whose records take 10 µs or 10 ms, against bare threads that share the same work over values in memory. */
export const noneOrder: Scenario = async context => {
  calibrateNativeCpu(CALL_US)
  const figures: Figure[] = []
  for (const mix of MIXES) figures.push(await figureOf(mix, context))
  return figures
}

async function figureOf(mix: Mix, { stack, rounds, say }: BenchContext): Promise<Figure> {
  const { name, topic, records, slowOneIn } = mix
  await createFilledTopic(stack.brokers, { topic, partitions: 1, records, valueBytes: VALUE_BYTES })
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const common = { threads: THREADS, records }
    bare.push(rate(await runContender('bare-threads.js', { ...common, slowOneIn, valueBytes: VALUE_BYTES })))
    ours.push(
      rate(
        await runContender('group.js', {
          ...common,
          topic,
          groupId: `${topic}-${round}`,
          zookeeper: stack.zookeeper,
          handler: `mixed.js?one-in=${slowOneIn}`,
          options: { ordering: 'none' },
        }),
      ),
    )
    say(
      `none-order, ${name}, round ${round}: ours ${perSecond(ours.at(-1)!)}, ideal ${perSecond(bare.at(-1)!)}`,
    )
  }
  return {
    scenario: `one partition without order, 10 µs or 10 ms a record, ${name}, ${THREADS} threads`,
    ours: `${perSecond(median(ours))} (spread ${spread(ours).toFixed(2)})`,
    reference: `bare threads that share the work ${perSecond(median(bare))} (spread ${spread(bare).toFixed(2)})`,
    ratio: median(ours) / median(bare),
    bound: { min: 0.85 },
  }
}
