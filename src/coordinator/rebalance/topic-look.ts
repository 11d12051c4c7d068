import { inTime } from '../../shared/in-time.ts'
import { isGroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import type { SeenTopic } from '../assignment/next-plan.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'

export interface TopicLookParts {
  readonly cluster: Pick<KafkaCluster, 'describeTopics'>
  readonly logger: Logger
}

export interface TopicView {
  /** Those that exist. */
  readonly topics: readonly SeenTopic[]
  /** False if brokers did not say so just now: then another look is due. */
  readonly isCurrent: boolean
}

interface Answer {
  readonly existing: readonly SeenTopic[]
  /** Names of topics that this member may not see. */
  readonly refused: readonly string[]
}

/** Brokers that are well need a fraction of it; a member that leaves has no more time than this to tell. */
const PATIENCE_MS = 200
/** A topic that is not there now is seen by a later look. */
const NO_PATIENCE_MS = 0

/**
 * The topics that members divide, as brokers tell. A plan can be followed, and a leave be told, without any broker: while
 * none answers, the topics are those that the plan was made for, and beyond them those that brokers told of before.
 */
export class TopicLook {
  readonly #parts: TopicLookParts
  #known: readonly SeenTopic[] | null = null
  /** A question is out for longer than anybody waits; until it is settled no other one is asked. */
  #isOverdue = false

  constructor(parts: TopicLookParts) {
    this.#parts = parts
  }

  /**
   * `planned`: the topics of the plan that was read before this is called. What brokers refuse to tell stays as it was
   * planned: others may see it. Rejects only if brokers have never told anything.
   */
  async see(names: readonly string[], planned: readonly SeenTopic[]): Promise<TopicView> {
    const known = this.#known
    if (known === null) return { topics: withRefused(await this.#ask(names), planned), isCurrent: true }
    const answer = this.#isOverdue ? null : await this.#askInTime(names)
    if (answer !== null) return { topics: withRefused(answer, planned), isCurrent: true }
    const remembered = known.filter(({ topic }) => planned.every(one => one.topic !== topic))
    const topics = [...planned, ...remembered].filter(({ topic }) => names.includes(topic))
    return { topics, isCurrent: false }
  }

  async #askInTime(names: readonly string[]): Promise<Answer | null> {
    const found: { answer: Answer | null } = { answer: null }
    this.#isOverdue = true
    const asked = this.#ask(names)
      .then(answer => (found.answer = answer))
      .catch((error: unknown) => this.#goOnWithout(error))
      .finally(() => (this.#isOverdue = false))
    await inTime(() => asked, PATIENCE_MS)
    return found.answer
  }

  async #ask(names: readonly string[]): Promise<Answer> {
    const described = await this.#parts.cluster.describeTopics(names, NO_PATIENCE_MS)
    const existing = described
      .filter(({ exists }) => exists)
      .map(({ topic, topicId, partitions }) => ({ topic, topicId, partitions: partitions.length }))
    this.#known = existing
    const refused = described.filter(({ refusal }) => refusal !== null).map(({ topic }) => topic)
    return { existing, refused }
  }

  #goOnWithout(error: unknown): void {
    if (isGroupError(error, 'NOT_RUNNING')) return // connections are being closed
    this.#parts.logger.warn(
      { err: toLoggable(error) },
      'brokers do not tell of topics; going by what was known of them',
    )
  }
}

function withRefused({ existing, refused }: Answer, planned: readonly SeenTopic[]): readonly SeenTopic[] {
  return [...existing, ...planned.filter(({ topic }) => refused.includes(topic))]
}
