import type { StoredTopic } from '../group-storage.ts'
import type { ZooKeeperClient } from './client.ts'
import { brokerTopicsPath } from './paths.ts'

/** What brokers write for a topic; topics have ids from version 3 on. */
interface TopicNode {
  readonly partitions?: unknown
  readonly topic_id?: unknown
}

/** The topics of a cluster that lives in this ZooKeeper, watched for every change. */
export class TopicNodes {
  readonly #client: ZooKeeperClient
  readonly #directory: string
  readonly #changed: () => void
  readonly #unlisten = new Map<string, () => void>()

  constructor(client: ZooKeeperClient, chroot: string, changed: () => void) {
    this.#client = client
    this.#directory = brokerTopicsPath(chroot)
    this.#changed = changed
  }

  /** Null if no cluster keeps its topics here. The next change of each is told, also of those that are not there. */
  async read(topics: readonly string[]): Promise<StoredTopic[] | null> {
    if (!(await this.#client.exists(this.#directory))) return null
    return Promise.all(topics.map(topic => this.#readOne(topic)))
  }

  /** No further events. Idempotent. */
  stop(): void {
    for (const unlisten of this.#unlisten.values()) unlisten()
    this.#unlisten.clear()
  }

  async #readOne(topic: string): Promise<StoredTopic> {
    const path = `${this.#directory}/${topic}`
    if (!this.#unlisten.has(path))
      this.#unlisten.set(
        path,
        this.#client.onNodeEvent(path, () => this.#changed()),
      )
    // The watch is set first: what changes after it is told, what changes before the other call is read.
    const [, node] = await Promise.all([this.#client.exists(path, true), this.#client.getData(path)])
    return { topic, ...(node === null ? NO_TOPIC : parseTopic(node.data)) }
  }
}

const NO_TOPIC = { partitions: 0, topicId: null }

/** Data that no broker writes says as little as no data. */
export function parseTopic(data: Buffer): Omit<StoredTopic, 'topic'> {
  const { partitions, topic_id: topicId } = parseObject(data.toString('utf8'))
  if (typeof partitions !== 'object' || partitions === null) return NO_TOPIC
  return {
    partitions: Object.keys(partitions).length,
    topicId: typeof topicId === 'string' ? topicId : null,
  }
}

function parseObject(text: string): TopicNode {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {} // not JSON
  }
}
