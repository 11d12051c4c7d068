import type { Owner } from './cleanup.ts'
import { within } from './within.ts'
import { openZooKeeper } from './zookeeper.ts'

/** Processes may take seconds to start on a busy machine. */
const DEADLINE_MS = 40_000

/** A time (Date.now) from which on a partition had no owner node, until it had one. */
export interface Unowned {
  readonly partition: number
  readonly fromMs: number
  /** Null: it has none yet. */
  readonly toMs: number | null
}

/** Sees from outside of the group which partitions of a topic have an owner node, and since when one has none. */
export class OwnerWatch {
  readonly #partitions: number
  readonly #unownedSince = new Map<number, number>()
  readonly #ended: Unowned[] = []
  #owned: ReadonlySet<number> = new Set()

  /** Begins once every partition has an owner. */
  static async start(owner: Owner, groupId: string, topic: string, partitions: number): Promise<OwnerWatch> {
    const zookeeper = await openZooKeeper(owner)
    const watch = new OwnerWatch(partitions)
    const complete = new Promise<void>(resolve => {
      zookeeper.watchChildren(`/consumers/${groupId}/owners/${topic}`, names => {
        watch.#see(new Set(names.map(Number)), Date.now())
        if (names.length === partitions) resolve()
      })
    })
    await within(DEADLINE_MS, `every partition of ${topic} has an owner`, complete)
    watch.#ended.length = 0
    return watch
  }

  private constructor(partitions: number) {
    this.#partitions = partitions
  }

  get isComplete(): boolean {
    return this.#owned.size === this.#partitions
  }

  /** What was without an owner at or after this time, and for how long of the time after it, at most. */
  longestUnownedSince(fromMs: number): number {
    const open = Array.from(this.#unownedSince, ([partition, since]) => ({
      partition,
      fromMs: since,
      toMs: null,
    }))
    const lasted = [...this.#ended, ...open].map(
      one => (one.toMs ?? Date.now()) - Math.max(one.fromMs, fromMs),
    )
    return Math.max(0, ...lasted)
  }

  #see(owned: ReadonlySet<number>, atMs: number): void {
    this.#owned = owned
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const since = this.#unownedSince.get(partition)
      if (!owned.has(partition)) {
        if (since === undefined) this.#unownedSince.set(partition, atMs)
      } else if (since !== undefined) {
        this.#unownedSince.delete(partition)
        this.#ended.push({ partition, fromMs: since, toMs: atMs })
      }
    }
  }
}
