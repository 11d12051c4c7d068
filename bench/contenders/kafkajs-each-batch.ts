// kafkajs with eachBatch, its fastest mode, and a handler that does nothing: from the first record to the last.
import kafkajs from 'kafkajs'
import { answer, contenderInput } from '../lib/contender.js'
import type { KafkaJsInput, Timing } from '../lib/contracts.js'

const input = contenderInput() as KafkaJsInput
const kafka = new kafkajs.Kafka({
  clientId: 'bench-kafkajs',
  brokers: [...input.brokers],
  logLevel: kafkajs.logLevel.ERROR,
})
const consumer = kafka.consumer({ groupId: input.groupId })
await consumer.connect()
await consumer.subscribe({ topic: input.topic, fromBeginning: true })
const timing = await new Promise<Timing>(resolve => {
  let handled = 0
  let first: { atMs: number; handled: number } | null = null
  void consumer.run({
    eachBatch: async ({ batch }) => {
      handled += batch.messages.length
      first ??= { atMs: performance.now(), handled }
      if (handled >= input.records)
        resolve({ records: handled - first.handled, elapsedMs: performance.now() - first.atMs })
    },
  })
})
await consumer.disconnect()
answer(timing)
