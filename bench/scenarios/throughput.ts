import { runContender } from '../lib/contender.js'
import type { Timing } from '../lib/contracts.js'
import type { Scenario } from '../lib/scenario.js'
import { median, spread } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'

const SIZE = { topic: 'throughput', partitions: 8, records: 2_000_000, valueBytes: 100 }

/** One worker thread and a handler that does nothing, against kafkajs eachBatch on the same topic. */
export const throughput: Scenario = async ({ stack, rounds, say }) => {
  await createFilledTopic(stack.brokers, SIZE)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const common = { topic: SIZE.topic, records: SIZE.records, groupId: `throughput-${round}` }
    const kafkajs = await runContender('kafkajs-each-batch.js', {
      ...common,
      groupId: `kafkajs-${round}`,
      brokers: stack.brokers,
    })
    const group = await runContender('group.js', {
      ...common,
      zookeeper: stack.zookeeper,
      handler: 'no-op.js',
      threads: 1,
    })
    theirs.push(rate(kafkajs))
    ours.push(rate(group))
    say(
      `throughput round ${round}: ours ${perSecond(ours.at(-1)!)}, kafkajs eachBatch ${perSecond(theirs.at(-1)!)}`,
    )
  }
  return [
    {
      scenario: 'throughput, 1 thread, no-op, 100-byte records',
      ours: `${perSecond(median(ours))} (spread ${spread(ours).toFixed(2)})`,
      reference: `kafkajs eachBatch ${perSecond(median(theirs))} (spread ${spread(theirs).toFixed(2)})`,
      ratio: median(ours) / median(theirs),
      bound: { min: 4 },
    },
  ]
}

export function rate(timing: Timing): number {
  return (timing.records / timing.elapsedMs) * 1000
}

export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString('en')}/s`
}
