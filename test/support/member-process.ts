import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { RunGroupOptions } from '#src/index.js'
import { atEnd, type Owner } from './cleanup.ts'
import { within } from './within.ts'

export interface MemberEvent {
  readonly event: string
  readonly atMs: number
  readonly payload: Record<string, unknown>
}

export interface MemberProcessOptions {
  /** Modules that are loaded before the member, in each of its threads. */
  readonly preload?: readonly URL[]
  readonly env?: Readonly<Record<string, string>>
  /** What the process may have of memory that it can write to; beyond, nothing is given to it, and that ends it. */
  readonly maxDataBytes?: number
  /** Nobody listens for `error` events. @defaultValue false */
  readonly isDeafToErrors?: boolean
}

/** Far more than a start, a join or a stop takes on a busy machine; far less than the deadline of a test file. */
const DEADLINE_MS = 60_000
const MAIN = fileURLToPath(new URL('./member-main.js', import.meta.url))

/** A member in its own process: what happened to it, and the signals to hurt it with. Killed when the test ends. */
export class MemberProcess {
  readonly events: MemberEvent[] = []
  /** Does not reject, however long it takes: `exit()` does. */
  readonly exited: Promise<number | NodeJS.Signals>
  errors = ''
  readonly #child: ChildProcess
  readonly #waiters = new Set<() => void>()

  constructor(t: Owner, handler: URL, options: RunGroupOptions, how: MemberProcessOptions = {}) {
    const start = { handler: handler.href, options, isDeafToErrors: how.isDeafToErrors ?? false }
    const preload = (how.preload ?? []).map(({ href }) => `--import=${href}`)
    const [command, ...limits] = limited(how.maxDataBytes)
    this.#child = spawn(command, [...limits, ...preload, MAIN], {
      env: { ...process.env, ...how.env, KWG_MEMBER: JSON.stringify(start) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      this.events.push(JSON.parse(line) as MemberEvent)
      for (const wake of this.#waiters) wake()
    })
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
    })
    this.exited = once(this.#child, 'exit').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    )
    atEnd(t, async () => {
      this.#child.kill('SIGKILL')
      await this.exit()
    })
  }

  /** The first event of that name from index `after` on; rejects if the process ends without it, or it does not come. */
  event(name: string, after = 0): Promise<MemberEvent> {
    return within(DEADLINE_MS, `the event ${name} of member process ${this.pid}`, this.#event(name, after))
  }

  /** Its exit code, or the signal that ended it; rejects if it goes on. */
  exit(): Promise<number | NodeJS.Signals> {
    return within(DEADLINE_MS, `the end of member process ${this.pid}`, this.exited)
  }

  /** Epochs of the claims that it has now, as it told. */
  get claimed(): Set<bigint> {
    const claimed = new Set<bigint>()
    for (const { event, payload } of this.events) {
      if (event === 'partition:claimed') claimed.add(BigInt(payload['epoch'] as string))
      if (event === 'partition:released') claimed.delete(BigInt(payload['epoch'] as string))
    }
    return claimed
  }

  /** Epochs of all claims that it ever had. */
  get everClaimed(): Set<bigint> {
    const claims = this.events.filter(({ event }) => event === 'partition:claimed')
    return new Set(claims.map(({ payload }) => BigInt(payload['epoch'] as string)))
  }

  /** Codes of the error events so far. */
  get errorCodes(): string[] {
    return this.events.flatMap(({ event, payload }) => (event === 'error' ? [String(payload['code'])] : []))
  }

  get pid(): number {
    return this.#child.pid!
  }

  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  async #event(name: string, after: number): Promise<MemberEvent> {
    for (;;) {
      const found = this.events.slice(after).find(one => one.event === name)
      if (found !== undefined) return found
      const ended = await Promise.race([this.#nextEvent(), this.exited])
      if (ended !== undefined && !this.events.slice(after).some(one => one.event === name)) {
        throw new Error(`the member ended (${ended}) without the event ${name}: ${this.errors}`)
      }
    }
  }

  #nextEvent(): Promise<undefined> {
    return new Promise(resolve => {
      const wake = (): void => {
        this.#waiters.delete(wake)
        resolve(undefined)
      }
      this.#waiters.add(wake)
    })
  }
}

/** By a shell that becomes the process: its number and what ends it are those of the member. */
function limited(maxDataBytes: number | undefined): [command: string, ...parameters: string[]] {
  if (maxDataBytes === undefined) return [process.execPath]
  const kibibytes = Math.floor(maxDataBytes / 1024)
  return ['sh', '-c', `ulimit -c 0; ulimit -d ${kibibytes}; exec "$0" "$@"`, process.execPath]
}
