import { randomInt, randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'

const RECORDS_PER_REQUEST = 5000
const FORMATS = ['jpeg', 'png', 'webp', 'heic']

/** An upload as a photo service would announce it. */
function upload(number) {
  const width = randomInt(800, 6000)
  return {
    id: randomUUID(),
    user: `user-${randomInt(4000)}`,
    file: `IMG_${String(number).padStart(5, '0')}.${FORMATS[number % FORMATS.length]}`,
    width,
    height: Math.round(width * 0.75),
    takenAt: new Date(Date.UTC(2026, 0, 1) + number * 60_000).toISOString(),
  }
}

/** Creates the topic and fills it with uploads, keyed by user. */
export async function fillTopic(brokers, topic, partitions, records) {
  const kafka = new kafkajs.Kafka({ clientId: 'demo-producer', brokers, logLevel: kafkajs.logLevel.ERROR })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    waitForLeaders: true,
  })
  await admin.disconnect()
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let from = 0; from < records; from += RECORDS_PER_REQUEST) {
    const messages = Array.from({ length: Math.min(RECORDS_PER_REQUEST, records - from) }, (_, i) => {
      const value = upload(from + i)
      return { key: value.user, value: JSON.stringify(value) }
    })
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
}
