import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ResolvedZooKeeperOptions } from '#src/options/types.js'
import { atEnd, type Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'

export interface StorageStart {
  readonly zookeeper: ResolvedZooKeeperOptions
  readonly groupId: string
  readonly memberId: string
}

export interface StorageEvent {
  readonly event: string
  readonly atMs: number
  /** Of a lease that was renewed: how long it still lasted when it was told. */
  readonly leftMs?: number
  readonly epoch?: string
}

const MAIN = fileURLToPath(new URL('./storage-main.js', import.meta.url))

/** A process with nothing but the group storage of a member. Killed when the test ends. */
export class StorageProcess {
  readonly events: StorageEvent[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(owner: Owner, start: StorageStart) {
    this.#child = spawn(process.execPath, [MAIN], {
      env: { ...process.env, KWG_STORAGE: JSON.stringify(start) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#exited = once(this.#child, 'exit')
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      this.events.push(JSON.parse(line) as StorageEvent)
    })
    atEnd(owner, () => this.kill())
  }

  /** The first event of that name from index `from` on. */
  told(event: string, from = 0): Promise<StorageEvent> {
    const names = (): string => this.events.map(seen => seen.event).join()
    return eventually(() => this.events.slice(from).find(seen => seen.event === event), {
      message: () => `${event} after ${from} of ${names()}`,
    })
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** As a crash: nothing is said to anybody. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Resolves with its exit code once it has ended by itself. */
  async end(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    await this.#exited
    return this.#child.exitCode
  }
}
