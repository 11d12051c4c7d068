import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'
import { asGroupError, isGroupError, type GroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import { StateMachine, type MoveTable } from '../../shared/state-machine.ts'
import type { KafkaCluster, TopicDescription } from '../kafka/cluster.ts'
import type { GroupStorage, StoredTopic } from '../storage/group-storage.ts'

/**
 * | state    | what is true inside it                                                   |
 * | -------- | ------------------------------------------------------------------------ |
 * | new      | nothing is watched yet                                                   |
 * | resting  | what was seen last stands; a notice or a timer begins the next look      |
 * | looking  | topics are being read, or what changed is being acted on                 |
 * | stopped  | final                                                                    |
 */
type TopicWatchState = 'new' | 'resting' | 'looking' | 'stopped'

const MOVES: MoveTable<TopicWatchState> = {
  new: ['resting', 'stopped'],
  resting: ['looking', 'stopped'],
  looking: ['resting', 'stopped'],
  stopped: [],
}

export interface TopicChange {
  /** Topics that were not there before, or have more partitions, or were made again. */
  readonly grown: readonly TopicDescription[]
  /** Those of them that were not there before, or were made again. */
  readonly fresh: readonly string[]
}

export interface TopicWatchHost {
  readonly topics: readonly string[]
  /** How long what was seen may stand without a look. */
  readonly maxAgeMs: number
  readonly storage: Pick<GroupStorage, 'readTopics'>
  readonly cluster: Pick<KafkaCluster, 'describeTopics'>
  /** A topic is not what it was at the last look; it counts as seen when this resolves. */
  changed(change: TopicChange): Promise<void>
  /** Nothing was seen to change for as long as it may stand. */
  unchanged(): void
  report(error: GroupError): void
  readonly logger: Logger
}

/** While a topic is missing, or after a look that failed. */
const SOON_MS = 1000
/** Brokers learn of a change a moment after the storage that keeps the topics. */
const CATCH_UP_MS = 10_000
const CATCH_UP = { initialMs: 20, maxMs: 250 }
/** Whoever looks again anyway need not wait for a topic. */
const NO_PATIENCE_MS = 0

/**
 * Notices what happens to the subscribed topics: at once where the storage tells, else by asking the brokers again and
 * again. One look at a time.
 */
export class TopicWatch {
  readonly #host: TopicWatchHost
  readonly #state = new StateMachine<TopicWatchState>('topic watch', MOVES, 'new')
  readonly #stop = new AbortController()
  readonly #told = new Set<string>()
  #seen: ReadonlyMap<string, TopicDescription> = new Map()
  /** Something was told since the look under way began. */
  #isDue = false
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | null = null
  #toldUnchangedMs = monotonicMs()

  constructor(host: TopicWatchHost) {
    this.#host = host
  }

  /** Looks at once, for what has changed since these were seen. */
  start(existing: readonly TopicDescription[]): void {
    this.#seen = byName(existing)
    this.#state.moveTo('resting', 'started')
    this.notice()
  }

  /** The storage tells of a change, or has forgotten that it is to tell. */
  notice(): void {
    this.#isDue = true
    if (this.#state.is('resting')) this.#look()
  }

  /** No further look; resolves when the one under way has ended, which may take as long as brokers take. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#isStopped) this.#state.moveTo('stopped', 'asked to')
    this.#stop.abort()
    clearTimeout(this.#timer)
    await this.#looking
  }

  #look(): void {
    clearTimeout(this.#timer)
    this.#state.moveTo('looking', this.#isDue ? 'a change was told' : 'it is time')
    this.#looking = this.#lookUntilQuiet().then(nextMs => {
      this.#looking = null
      if (this.#isStopped) return
      this.#state.moveTo('resting', 'looked')
      if (this.#isDue)
        this.#look() // told in this very turn
      else this.#timer = setTimeout(() => this.#look(), nextMs)
    })
  }

  /** Answers when the next look is due. Never rejects. */
  async #lookUntilQuiet(): Promise<number> {
    try {
      let isComplete: boolean
      do isComplete = await this.#lookOnce()
      while (this.#isDue && !this.#isStopped)
      return isComplete ? this.#host.maxAgeMs : Math.min(SOON_MS, this.#host.maxAgeMs)
    } catch (thrown) {
      if (!this.#isStopped) this.#tell(asGroupError(thrown, 'looking at topics')) // else stopping cut the look
      return SOON_MS
    }
  }

  /** Answers whether all topics are there. */
  async #lookOnce(): Promise<boolean> {
    const wasTold = this.#isDue
    this.#isDue = false
    const described = await this.#describe(wasTold ? await this.#readStored() : null)
    if (this.#isStopped) return true // while brokers were asked
    for (const { refusal } of described) if (refusal !== null) this.#tell(refusal)
    await this.#compare(described.filter(({ exists }) => exists))
    return described.every(({ exists }) => exists)
  }

  async #compare(existing: readonly TopicDescription[]): Promise<void> {
    const before = this.#seen
    const grown = existing.filter(topic => isNews(topic, before.get(topic.topic)))
    const fresh = grown.filter(topic => isFresh(topic, before.get(topic.topic))).map(({ topic }) => topic)
    const hasGone = [...before.keys()].some(name => existing.every(({ topic }) => topic !== name))
    if (grown.length > 0 || hasGone) await this.#host.changed({ grown, fresh })
    else this.#tellUnchanged()
    this.#seen = byName(existing)
  }

  #tellUnchanged(): void {
    if (monotonicMs() - this.#toldUnchangedMs < this.#host.maxAgeMs) return
    this.#toldUnchangedMs = monotonicMs()
    this.#host.unchanged()
  }

  /** Null where the storage knows no topics, does not let them be read, or is away: when it is back it says so. */
  async #readStored(): Promise<readonly StoredTopic[] | null> {
    try {
      return await this.#host.storage.readTopics(this.#host.topics)
    } catch (error) {
      if (!isGroupError(error)) throw error
      if (error.code !== 'NOT_RUNNING') this.#tell(error) // between two sessions; the next one tells
      return null
    }
  }

  /** As the brokers say; asked again until they know what is stored, as long as that is to be expected. */
  async #describe(stored: readonly StoredTopic[] | null): Promise<TopicDescription[]> {
    const deadlineMs = monotonicMs() + CATCH_UP_MS
    const backoff = new Backoff(CATCH_UP)
    for (;;) {
      const described = await this.#host.cluster.describeTopics(this.#host.topics, NO_PATIENCE_MS)
      const isCurrent = stored === null || stored.every(one => agrees(one, described))
      if (isCurrent || this.#isDue || this.#isStopped) return described
      if (monotonicMs() >= deadlineMs) {
        this.#host.logger.warn({ stored }, 'brokers do not say of topics what the group storage says')
        return described
      }
      await backoff.wait(this.#stop.signal)
    }
  }

  /** Each cause once: topics are looked at on. */
  #tell(error: GroupError): void {
    if (error.retryable)
      this.#host.logger.warn({ err: toLoggable(error) }, 'a look at topics failed; looking again')
    if (error.retryable || this.#told.has(error.message)) return
    this.#told.add(error.message)
    this.#host.report(error)
  }

  get #isStopped(): boolean {
    return this.#state.is('stopped')
  }
}

function byName(topics: readonly TopicDescription[]): Map<string, TopicDescription> {
  return new Map(topics.map(topic => [topic.topic, topic]))
}

function isNews(topic: TopicDescription, before: TopicDescription | undefined): boolean {
  return isFresh(topic, before) || before?.partitions.length !== topic.partitions.length
}

function isFresh({ topicId }: TopicDescription, before: TopicDescription | undefined): boolean {
  return before === undefined || (topicId !== null && before.topicId !== null && topicId !== before.topicId)
}

/** A topic that may not be seen says nothing. */
function agrees(stored: StoredTopic, described: readonly TopicDescription[]): boolean {
  const found = described.find(({ topic }) => topic === stored.topic)
  if (found === undefined || found.refusal !== null) return true
  const isSame = found.topicId === null || stored.topicId === null || found.topicId === stored.topicId
  return isSame && found.partitions.length === stored.partitions
}
