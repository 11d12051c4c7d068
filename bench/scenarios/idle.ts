import { runContender } from '../lib/contender.js'
import type { Scenario } from '../lib/scenario.js'
import { createFilledTopic } from '../lib/topic.js'

const SIZE = { topic: 'idle', partitions: 64, records: 64, valueBytes: 100 }
const MAX_SHARE = 0.02

/** CPU of the whole process while 64 partitions have nothing to give. */
export const idle: Scenario = async ({ stack, say }) => {
  await createFilledTopic(stack.brokers, SIZE)
  const result = await runContender('resident.js', {
    zookeeper: stack.zookeeper,
    topic: SIZE.topic,
    groupId: 'idle',
    handler: 'no-op.js',
    threads: 2,
    warmUpSeconds: 10,
    seconds: 60,
  })
  say(
    `idle: ${(result.cpuShare * 100).toFixed(2)} % of one core, ${result.samples.at(-1)!.residentMb.toFixed(0)} MB resident`,
  )
  return [
    {
      scenario: 'idle, 64 partitions, 2 threads',
      ours: `${(result.cpuShare * 100).toFixed(2)} % of one core`,
      reference: `bound ${MAX_SHARE * 100} %`,
      ratio: result.cpuShare / MAX_SHARE,
      bound: { max: 1 },
    },
  ]
}
