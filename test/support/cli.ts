import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { atEnd, type Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { inRepository } from './repository.ts'

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How much of the output a failure quotes. */
const SHOWN = 2_000

const MAIN = inRepository('dist/cli/main.js')

/** Runs `kwg` with these arguments to its end. */
export async function kwg(...args: string[]): Promise<CliResult> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

/** The lines of `--json`. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split('\n').filter(line => line !== '')
  return lines.map(line => JSON.parse(line) as Record<string, unknown>)
}

/** A `kwg` that goes on until it is told to stop. Killed when the test ends. */
export class KwgProcess {
  stdout = ''
  stderr = ''
  /** Exit code, or the signal it died of. */
  readonly exited: Promise<number | NodeJS.Signals>
  readonly #child: ChildProcess

  constructor(owner: Owner, args: readonly string[], nodeArgs: readonly string[] = []) {
    this.#child = spawn(process.execPath, [...nodeArgs, MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()))
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    this.exited = once(this.#child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    )
    atEnd(owner, async () => {
      this.#child.kill('SIGKILL')
      await this.exited
    })
  }

  signal(signal: 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(signal)
  }

  /** As if whoever reads standard output had gone. */
  closeStdout(): void {
    this.#child.stdout!.destroy()
  }

  /** Waits until standard output shows this. */
  async shows(pattern: RegExp): Promise<void> {
    await eventually(
      () => {
        const { exitCode } = this.#child
        if (exitCode !== null) throw new Error(`kwg ended with ${exitCode}: ${this.stderr}`)
        return pattern.test(this.stdout)
      },
      {
        deadlineMs: 30_000,
        message: () => `${String(pattern)} in ${this.stdout.slice(-SHOWN)}\n${this.stderr.slice(-SHOWN)}`,
      },
    )
  }
}
