import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { atEnd, type Owner } from './cleanup.ts'

/** One record as a foreign member handled it. */
export interface PeerRecord {
  readonly partition: number
  readonly offset: number
}

/**
 * A member of another program, in a process of its own, that prints `partition offset` for each record and ends in good
 * order on SIGTERM. Killed when the test ends, and it ends by itself if the test process dies.
 */
export class PeerProcess {
  readonly records: PeerRecord[] = []
  readonly exited: Promise<number | NodeJS.Signals>
  /** Standard error. */
  log = ''
  readonly #child: ChildProcess

  constructor(owner: Owner, command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      const [partition, offset] = line.split(' ').map(Number)
      this.records.push({ partition: partition!, offset: offset! })
    })
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.log += chunk.toString()
    })
    this.exited = once(this.#child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    )
    atEnd(owner, async () => {
      this.#child.kill('SIGKILL')
      await this.exited
    })
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal)
  }
}
