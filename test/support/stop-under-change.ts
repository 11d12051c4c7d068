import { setTimeout as delay } from 'node:timers/promises'
import type { RunGroupOptions } from '#src/index.js'
import type { Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { MemberProcess } from './member-process.ts'
import { OwnerWatch } from './owner-watch.ts'
import { openZooKeeper, type ZooKeeperView } from './zookeeper.ts'

export const CHANGES = ['join', 'leave', 'session loss'] as const
export type Change = (typeof CHANGES)[number]

export interface StopTry {
  /** What another member did. */
  readonly change: Change
  /** How long after that the member got SIGTERM. */
  readonly delayMs: number
  readonly exit: number | NodeJS.Signals
  /** From SIGTERM to the end of the process. */
  readonly tookMs: number
  /** The longest that any partition had no owner after SIGTERM. */
  readonly unownedMs: number
}

export interface StopTriesOptions {
  readonly tries: number
  /** SIGTERM comes from 0 to as long after the change, evenly over the tries. */
  readonly withinMs: number
  readonly handler: URL
  readonly group: RunGroupOptions & { readonly groupId: string }
  readonly partitions: number
}

/** Stops a member again and again while another one comes or goes; a third one stays throughout. */
export async function stopUnderChange(owner: Owner, options: StopTriesOptions): Promise<StopTry[]> {
  const rig = await StopRig.start(owner, options)
  const tries: StopTry[] = []
  for (let number = 0; number < options.tries; number += 1) {
    const change = CHANGES[number % CHANGES.length]!
    const delayMs = (options.withinMs * number) / Math.max(1, options.tries - 1)
    tries.push(await rig.tryOnce(change, delayMs))
  }
  return tries
}

class StopRig {
  readonly #owner: Owner
  readonly #options: StopTriesOptions
  readonly #zookeeper: ZooKeeperView
  readonly #owners: OwnerWatch
  #members = 1

  static async start(owner: Owner, options: StopTriesOptions): Promise<StopRig> {
    const { groupId, topics } = options.group
    const stays = new MemberProcess(owner, options.handler, options.group)
    await stays.event('joined')
    const owners = await OwnerWatch.start(owner, groupId, topics[0]!, options.partitions)
    return new StopRig(owner, options, await openZooKeeper(owner), owners)
  }

  private constructor(owner: Owner, options: StopTriesOptions, zookeeper: ZooKeeperView, owners: OwnerWatch) {
    this.#owner = owner
    this.#options = options
    this.#zookeeper = zookeeper
    this.#owners = owners
  }

  async tryOnce(change: Change, delayMs: number): Promise<StopTry> {
    const stopped = this.#member()
    const other = change === 'join' ? null : this.#member()
    await Promise.all([this.#settled(stopped), other === null ? null : this.#settled(other)])
    const end = await this.#change(change, other)
    await delay(delayMs)
    const sentMs = Date.now()
    stopped.process.signal('SIGTERM')
    const exit = await stopped.process.exit()
    const tookMs = Date.now() - sentMs
    await end()
    await eventually(() => this.#owners.isComplete, { message: 'every partition has an owner again' })
    return { change, delayMs, exit, tookMs, unownedMs: this.#owners.longestUnownedSince(sentMs) }
  }

  /** Resolves at the moment of the change, with the way to end what is left of it. */
  async #change(change: Change, other: NamedMember | null): Promise<() => Promise<void>> {
    if (change === 'join' || other === null) {
      const joiner = this.#member()
      await this.#zookeeper.happensTo(joiner.idPath, 'created')
      return async () => {
        await this.#settled(joiner)
        joiner.process.signal('SIGTERM')
        await joiner.process.exit()
      }
    }
    if (change === 'leave') {
      other.process.signal('SIGTERM')
      return async () => {
        await other.process.exit()
      }
    }
    other.process.signal('SIGKILL')
    await this.#zookeeper.happensTo(other.idPath, 'deleted')
    return () => Promise.resolve()
  }

  #member(): NamedMember {
    const { handler, group } = this.#options
    const memberId = `member-${(this.#members += 1)}`
    return {
      idPath: `/consumers/${group.groupId}/ids/${memberId}`,
      process: new MemberProcess(this.#owner, handler, { ...group, memberId }),
    }
  }

  async #settled({ process }: NamedMember): Promise<void> {
    await process.event('partition:claimed')
    await process.event('joined')
  }
}

interface NamedMember {
  readonly process: MemberProcess
  readonly idPath: string
}
