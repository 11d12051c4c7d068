import { setTimeout as delay } from 'node:timers/promises'
import { atEnd, type Owner } from './cleanup.ts'
import { sharedStack } from './stack.ts'
import { openZooKeeper, type ZooKeeperView } from './zookeeper.ts'

const LOOK_MS = 10

/** Looks at the committed offsets of a topic all the time, until the test ends. */
export class OffsetsWatch {
  /** Where an offset was lower than before: `<partition>: <before> -> <after>`. */
  readonly backwards: string[] = []
  readonly #view: ZooKeeperView
  readonly #path: string
  readonly #highest = new Map<number, number>()
  #isOver = false

  static async start(
    owner: Owner,
    groupId: string,
    topic: string,
    address = sharedStack().zookeeper,
  ): Promise<OffsetsWatch> {
    const view = await openZooKeeper(owner, address)
    const watch = new OffsetsWatch(view, `/consumers/${groupId}/offsets/${topic}`)
    const looking = watch.#lookOn()
    atEnd(owner, async () => {
      watch.#isOver = true
      await looking
    })
    return watch
  }

  private constructor(view: ZooKeeperView, path: string) {
    this.#view = view
    this.#path = path
  }

  /** By partition; -1 where none is stored. */
  async current(): Promise<number[]> {
    const partitions = (await this.#view.list(this.#path)).map(Number)
    const offsets = new Array<number>(Math.max(-1, ...partitions) + 1).fill(-1)
    for (const partition of partitions)
      offsets[partition] = Number((await this.#view.read(`${this.#path}/${partition}`))?.text ?? -1)
    return offsets
  }

  async #lookOn(): Promise<void> {
    while (!this.#isOver) {
      for (const [partition, offset] of (await this.current()).entries()) this.#see(partition, offset)
      await delay(LOOK_MS)
    }
  }

  #see(partition: number, offset: number): void {
    const before = this.#highest.get(partition) ?? -1
    if (offset < before) this.backwards.push(`${partition}: ${before} -> ${offset}`)
    this.#highest.set(partition, offset)
  }
}
