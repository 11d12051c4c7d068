import { runContender } from '../lib/contender.js'
import { calibrateNativeCpu } from '../lib/native-cpu.js'
import type { Scenario } from '../lib/scenario.js'
import { median, spread } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'
import { perSecond, rate } from './throughput.js'

const SIZE = { topic: 'cpu-bound', partitions: 8, records: 80_000, valueBytes: 100 }
const THREADS = 2
const CALL_US = 125

/** Two threads and a handler of native CPU work, against two bare threads doing that work over values in memory. */
export const cpuBound: Scenario = async ({ stack, rounds, say }) => {
  calibrateNativeCpu(CALL_US)
  await createFilledTopic(stack.brokers, SIZE)
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const common = { threads: THREADS, records: SIZE.records }
    bare.push(
      rate(
        await runContender('bare-threads.js', {
          ...common,
          valueBytes: SIZE.valueBytes,
        }),
      ),
    )
    ours.push(
      rate(
        await runContender('group.js', {
          ...common,
          topic: SIZE.topic,
          groupId: `cpu-${round}`,
          zookeeper: stack.zookeeper,
          handler: 'pbkdf2.js',
        }),
      ),
    )
    say(
      `cpu-bound round ${round}: ours ${perSecond(ours.at(-1)!)}, bare threads ${perSecond(bare.at(-1)!)} (${((THREADS * 1e6) / bare.at(-1)!).toFixed(0)} µs a call)`,
    )
  }
  return [
    {
      scenario: `CPU-bound, ${THREADS} threads, pbkdf2`,
      ours: `${perSecond(median(ours))} (spread ${spread(ours).toFixed(2)})`,
      reference: `bare threads ${perSecond(median(bare))} (spread ${spread(bare).toFixed(2)})`,
      ratio: median(ours) / median(bare),
      bound: { min: 0.95 },
    },
  ]
}
