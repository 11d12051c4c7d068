import { Kafka, logLevel } from 'kafkajs'

const ANSWER_DEADLINE_MS = 3_000

/** True when the broker answers and knows a controller and these brokers; false for not yet. */
export async function brokerKnows(address: string, brokerIds: readonly number[]): Promise<boolean> {
  const admin = new Kafka({
    brokers: [address],
    clientId: 'kwg-stack',
    logLevel: logLevel.NOTHING,
    connectionTimeout: ANSWER_DEADLINE_MS,
    requestTimeout: ANSWER_DEADLINE_MS,
    retry: { retries: 0 },
  }).admin()
  try {
    await admin.connect()
    const { brokers, controller } = await admin.describeCluster()
    const known = brokers.map(broker => broker.nodeId)
    return controller !== null && known.includes(controller) && brokerIds.every(id => known.includes(id))
  } catch {
    return false // refused or silent: it is not ready, and the caller has the deadline
  } finally {
    await admin.disconnect()
  }
}
