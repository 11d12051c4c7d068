import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { processIdentity } from '#src/stack/process-identity.js'
import { runTool } from '#src/stack/run-tool.js'
import { atEnd, type Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'

const MAIN = fileURLToPath(new URL('./stack-main.js', import.meta.url))

/** What stack-main.ts prints. */
export interface StackReport {
  readonly progress?: string
  readonly directory?: string
  readonly pids?: readonly number[]
  readonly code?: string
  readonly message?: string
}

/** stack-main.ts in a process of its own, with a directory of its own for everything temporary. */
export class StackProgram {
  readonly child: ChildProcessWithoutNullStreams
  readonly temporary: string
  readonly #lines: AsyncIterator<string>

  static async start(
    owner: Owner,
    wishes: object = {},
    env: Record<string, string> = {},
  ): Promise<StackProgram> {
    const temporary = await mkdtemp(join(tmpdir(), 'kwg-program-'))
    const program = new StackProgram(temporary, wishes, env)
    atEnd(owner, async () => {
      program.child.kill('SIGKILL')
      await program.nothingLeft()
      await rm(temporary, { recursive: true })
    })
    return program
  }

  private constructor(temporary: string, wishes: object, env: Record<string, string>) {
    this.temporary = temporary
    this.child = spawn(process.execPath, [MAIN, JSON.stringify(wishes)], {
      env: { ...process.env, TMPDIR: temporary, ...env },
    })
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  /** The next line it prints. */
  async report(): Promise<StackReport> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error('the program has ended and printed nothing more')
    return JSON.parse(line.value) as StackReport
  }

  /** The report of a stack that is up. */
  async up(): Promise<Required<Pick<StackReport, 'directory' | 'pids'>>> {
    for (;;) {
      const { directory, pids, message } = await this.report()
      if (message !== undefined) throw new Error(message)
      if (directory !== undefined && pids !== undefined) return { directory, pids }
    }
  }

  async ended(): Promise<number | NodeJS.Signals> {
    const { child } = this
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode ?? child.signalCode!
  }

  /** Resolves when no process of it runs and no file of it is there any more. */
  async nothingLeft(): Promise<void> {
    await eventually(async () => (await this.leftovers()).length === 0, {
      message: `nothing of ${this.temporary} is left`,
    })
  }

  async leftovers(): Promise<string[]> {
    const { output } = await runTool('ps', ['-A', '-ww', '-o', 'pid=,args='])
    const ours = output.split('\n').filter(line => line.includes(this.temporary))
    const running: string[] = []
    // `ps` tells what was: only what still runs counts.
    for (const line of ours)
      if ((await processIdentity(Number.parseInt(line, 10))) !== undefined) running.push(line)
    return [...running, ...(await readdir(this.temporary))]
  }
}
