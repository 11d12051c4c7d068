import type { Offset } from '../shared/types.ts'
import type { IsoTime } from './reset-target.ts'
import { deepFreeze, resolveKafka, resolveZooKeeper, validate } from './resolve.ts'
import { brokenBrokerRules } from './rules.ts'
import { deadLettersSchema } from './schema.ts'
import type {
  KafkaOptions,
  ResolvedKafkaOptions,
  ResolvedZooKeeperOptions,
  ZooKeeperOptions,
} from './types.ts'

export interface DeadLetterSearchOptions {
  /** Needed only where no brokers are given. */
  zookeeper?: string | ZooKeeperOptions | undefined
  kafka?: KafkaOptions | undefined
  /** The dead-letter topic. */
  topic: string
  /** Only letters of records of this topic. */
  originTopic?: string | undefined
  /** Only letters whose error has this code. */
  code?: string | undefined
  /** Only letters from then on. */
  since?: IsoTime | undefined
  /** @defaultValue 100 */
  limit?: number | undefined
  /** Exactly these, each as `partition:offset`. */
  letters?: readonly `${number}:${number}`[] | undefined
}

export interface LetterPosition {
  readonly partition: number
  readonly offset: Offset
}

export interface ResolvedDeadLetterSearch {
  readonly zookeeper: ResolvedZooKeeperOptions | null
  readonly kafka: ResolvedKafkaOptions
  readonly topic: string
  readonly originTopic: string | null
  readonly code: string | null
  readonly sinceMs: number | null
  readonly limit: number
  readonly letters: readonly LetterPosition[] | null
}

const DEFAULT_LETTER_LIMIT = 100

/** As `resolveOptions`, for a program that reads dead letters. */
export function resolveDeadLetterSearch(given: DeadLetterSearchOptions): ResolvedDeadLetterSearch {
  const valid = validate(deadLettersSchema, brokenBrokerRules, given)
  const { topic, originTopic = null, code = null, since, limit = DEFAULT_LETTER_LIMIT, letters } = valid
  return deepFreeze({
    zookeeper: resolveZooKeeper(valid.zookeeper),
    kafka: resolveKafka(valid.kafka),
    topic,
    originTopic,
    code,
    sinceMs: since === undefined ? null : Date.parse(since),
    limit,
    letters: letters?.map(readLetterPosition) ?? null,
  })
}

function readLetterPosition(position: string): LetterPosition {
  const [partition, offset] = position.split(':').map(Number)
  return { partition: partition!, offset: offset! }
}
