import { asGroupError, GroupError, type ErrorCode } from '../../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'

export interface CommittablePartition extends TopicPartition {
  commit(): Promise<Offset | null>
}

export interface CommitterHost {
  partitions(): Iterable<CommittablePartition>
  /** False while the lease is over: nothing is committed then. */
  mayCommit(): boolean
  committed(offsets: readonly (TopicPartition & { readonly offset: Offset })[]): void
  commitFailed(error: GroupError): void
}

/** Commits on an interval and on demand: only what changed, one small transaction per partition, all of them in flight together. */
export class Committer {
  readonly #host: CommitterHost
  readonly #intervalMs: number
  #timer: NodeJS.Timeout | null = null
  /** The round of the timer that has not ended yet. */
  #round: Promise<void> | null = null

  constructor(intervalMs: number, host: CommitterHost) {
    this.#intervalMs = intervalMs
    this.#host = host
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#round ??= this.#tick().finally(() => {
        this.#round = null
      })
    }, this.#intervalMs)
  }

  /** Ends the interval and waits for a round in flight. Commits nothing more by itself. Idempotent. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.#round
  }

  /** Commits what is finished now; rejects with the first failure after all partitions were tried. LEASE_OVER while claims are not certain. */
  async commitAll(): Promise<void> {
    if (!this.#host.mayCommit()) {
      throw new GroupError(
        'LEASE_OVER',
        'nothing can be committed now: the claims are not certainly valid; try again after session:restored',
      )
    }
    const failures = await this.#commitChanged()
    if (failures[0] !== undefined) throw failures[0]
  }

  async #tick(): Promise<void> {
    if (!this.#host.mayCommit()) return
    for (const failure of toldOnce(await this.#commitChanged())) this.#host.commitFailed(failure)
  }

  async #commitChanged(): Promise<GroupError[]> {
    const committed: (TopicPartition & { offset: Offset })[] = []
    const failures: GroupError[] = []
    const commitOne = async (partition: CommittablePartition): Promise<void> => {
      try {
        const offset = await partition.commit()
        if (offset !== null)
          committed.push({ topic: partition.topic, partition: partition.partition, offset })
      } catch (error) {
        failures.push(commitError(partition, error))
      }
    }
    await Promise.all([...this.#host.partitions()].map(commitOne))
    if (committed.length > 0) this.#host.committed(committed)
    return failures
  }
}

/** What befell the whole session befell each partition: once is enough. */
const OF_THE_SESSION: ReadonlySet<ErrorCode> = new Set([
  'ZOOKEEPER_DISCONNECTED',
  'SESSION_EXPIRED',
  'LEASE_OVER',
])

function toldOnce(failures: readonly GroupError[]): GroupError[] {
  return failures.filter(
    ({ code }, index) =>
      !OF_THE_SESSION.has(code) || failures.findIndex(failure => failure.code === code) === index,
  )
}

function commitError({ topic, partition }: TopicPartition, error: unknown): GroupError {
  return asGroupError(error, `commit of ${partitionName({ topic, partition })} failed`, { topic, partition })
}
