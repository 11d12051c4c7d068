import { GroupError, isGroupError } from '../../shared/errors.ts'
import type { KafkaCluster, TopicDescription } from '../kafka/cluster.ts'

/** A topic that was just made is known to one broker after the other. */
const NEW_TOPIC_PATIENCE_MS = 10_000

/**
 * Makes sure that the dead-letter topic is there. If it is missing it is made as the brokers make topics by default.
 * DEAD_LETTER_TOPIC_UNAVAILABLE if that cannot be, or if the brokers keep it from us.
 */
export async function ensureDeadLetterTopic(
  cluster: Pick<KafkaCluster, 'describeTopics' | 'createTopic'>,
  topic: string,
): Promise<void> {
  try {
    const found = await describeTopic(cluster, topic)
    if (found.exists) return
    await cluster.createTopic(topic)
    const made = await describeTopic(cluster, topic, NEW_TOPIC_PATIENCE_MS)
    if (made.exists) return
  } catch (error) {
    if (!isGroupError(error) || error.code === 'NOT_RUNNING') throw error
    throw unavailable(topic, error.message, error)
  }
  throw unavailable(topic, 'it was made, but the brokers do not show it')
}

async function describeTopic(
  cluster: Pick<KafkaCluster, 'describeTopics'>,
  topic: string,
  patienceMs?: number,
): Promise<TopicDescription> {
  const [found] = await cluster.describeTopics([topic], patienceMs)
  if (found!.refusal !== null) throw found!.refusal
  return found!
}

function unavailable(topic: string, why: string, cause?: GroupError): GroupError {
  return new GroupError(
    'DEAD_LETTER_TOPIC_UNAVAILABLE',
    `dead letters cannot be written to topic "${topic}": ${why}; make the topic, or name another one in deadLetter.topic`,
    { details: { topic }, cause },
  )
}
