import { runContender } from '../lib/contender.js'
import type { Scenario } from '../lib/scenario.js'
import { median } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'

const SIZE = { topic: 'memory', partitions: 8, records: 1_048_576, valueBytes: 1024 }
const MAX_MB = 300
const MINUTES = 5

/** Resident memory while 1 GB waits behind a slow handler: below the bound, and flat from the first minute to the last. */
export const memory: Scenario = async ({ stack, say }) => {
  await createFilledTopic(stack.brokers, SIZE)
  const result = await runContender('resident.js', {
    zookeeper: stack.zookeeper,
    topic: SIZE.topic,
    groupId: 'memory',
    handler: 'slow.js',
    threads: 2,
    warmUpSeconds: 0,
    seconds: MINUTES * 60,
  })
  const minute = (index: number): number =>
    median(result.samples.slice(index * 60, (index + 1) * 60).map(sample => sample.residentMb))
  const minutes = Array.from({ length: MINUTES }, (_, index) => minute(index))
  const peak = Math.max(...result.samples.map(sample => sample.residentMb))
  say(
    `memory by minute: ${minutes.map(mb => `${mb.toFixed(0)} MB`).join(', ')}; peak ${peak.toFixed(0)} MB; ${result.handled} records handled`,
  )
  return [
    {
      scenario: 'resident memory, 1 GB backlog, slow handler',
      ours: `peak ${peak.toFixed(0)} MB`,
      reference: `bound ${MAX_MB} MB`,
      ratio: peak / MAX_MB,
      bound: { max: 1 },
    },
    {
      scenario: 'resident memory, last minute against first',
      ours: `${minutes.at(-1)!.toFixed(0)} MB`,
      reference: `${minutes[0]!.toFixed(0)} MB`,
      ratio: minutes.at(-1)! / minutes[0]!,
      bound: { max: 1.1 },
    },
  ]
}
