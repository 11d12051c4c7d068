import { readFile, stat } from 'node:fs/promises'
import { StateMachine, type MoveTable } from '../shared/state-machine.ts'
import { isStopped } from './is-stopped.ts'
import { portTaken } from './ports.ts'
import { stackError } from './stack-error.ts'
import type { Supervisor } from './supervisor-client.ts'
import { waitFor } from './wait-for.ts'

/** stopped: no process. starting: it runs and does not answer yet. frozen: SIGSTOP. stopping: told to end. */
export type ServerState = 'stopped' | 'starting' | 'running' | 'frozen' | 'stopping'

const MOVES: MoveTable<ServerState> = {
  stopped: ['starting'],
  starting: ['running', 'stopping', 'stopped'],
  running: ['frozen', 'stopping', 'stopped'],
  frozen: ['running', 'stopping', 'stopped'],
  stopping: ['stopped'],
}

/** How one server is started and how it is known to work. */
export interface ServerSpec {
  readonly name: string
  readonly port: number
  readonly command: string
  readonly args: readonly string[]
  readonly logFile: string
  /** Awaited before each start: what must have gone from the last run. */
  beforeStart(): Promise<void>
  /** True when the server does its work; false for not yet. */
  isReady(): Promise<boolean>
}

const READY_DEADLINE_MS = 60_000
const READY_INTERVAL_MS = 50
const FREEZE_DEADLINE_MS = 5000
const FREEZE_INTERVAL_MS = 5
const STOP_DEADLINE_MS = 15_000
const LOG_TAIL_LINES = 60

/** One Java server of the stack: started again and again on the same port and data, and ill-treated in between. */
export class ServerProcess {
  readonly name: string
  readonly port: number
  readonly #spec: ServerSpec
  readonly #supervisor: Supervisor
  readonly #machine: StateMachine<ServerState>
  #pid: number | undefined
  #logStart = 0

  constructor(spec: ServerSpec, supervisor: Supervisor) {
    this.name = spec.name
    this.port = spec.port
    this.#spec = spec
    this.#supervisor = supervisor
    this.#machine = new StateMachine(spec.name, MOVES, 'stopped')
    supervisor.onExit(spec.name, () => this.#onExit())
  }

  get state(): ServerState {
    return this.#machine.state
  }

  /** Undefined while stopped. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** Starts on the same port and data and resolves when it answers. STACK_FAILED with the end of its log otherwise. */
  async start(): Promise<void> {
    this.#machine.moveTo('starting', 'start()')
    try {
      await this.#spec.beforeStart()
      this.#logStart = await sizeOf(this.#spec.logFile)
      // stop() may have been called while we waited: then nothing is launched any more.
      if (this.state !== 'starting') throw stackError(`${this.name} was stopped while starting`)
      this.#pid = await this.#supervisor.launch(this.#spec)
    } catch (error) {
      this.#onExit()
      throw error
    }
    await this.#becomeReady()
  }

  /** SIGTERM; SIGKILL when it has not ended in time. A frozen server is thawed first. */
  async stop(): Promise<'ended' | 'killed'> {
    if (await this.#endWith('SIGTERM')) return 'ended'
    await this.#endWith('SIGKILL')
    return 'killed'
  }

  /** SIGKILL, also while frozen. */
  async kill(): Promise<void> {
    await this.#endWith('SIGKILL')
  }

  /** SIGSTOP: it keeps its sockets and, once this has resolved, answers nothing. */
  async freeze(): Promise<void> {
    this.#machine.moveTo('frozen', 'freeze()')
    const pid = this.#pid!
    await this.#supervisor.signal(this.name, 'SIGSTOP')
    const deadline = { deadlineMs: FREEZE_DEADLINE_MS, intervalMs: FREEZE_INTERVAL_MS }
    if (!(await waitFor(() => isStopped(pid), deadline))) {
      throw stackError(`${this.name} did not freeze within ${FREEZE_DEADLINE_MS / 1000} s`)
    }
  }

  async thaw(): Promise<void> {
    this.#machine.moveTo('running', 'thaw()')
    await this.#supervisor.signal(this.name, 'SIGCONT')
  }

  async #endWith(signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
    if (this.state === 'stopped') return true
    if (this.state !== 'stopping') this.#machine.moveTo('stopping', signal)
    await this.#supervisor.signal(this.name, signal)
    await this.#supervisor.signal(this.name, 'SIGCONT') // a frozen process acts on SIGTERM only when it runs again
    return waitFor(async () => this.state === 'stopped', {
      deadlineMs: STOP_DEADLINE_MS,
      intervalMs: READY_INTERVAL_MS,
    })
  }

  async #becomeReady(): Promise<void> {
    const deadline = { deadlineMs: READY_DEADLINE_MS, intervalMs: READY_INTERVAL_MS }
    const ready = await waitFor(async () => {
      if (this.state !== 'starting') throw await this.#startFailure('ended while starting')
      return this.#spec.isReady()
    }, deadline)
    if (!ready) throw await this.#startFailure(`did not answer within ${READY_DEADLINE_MS / 1000} s`)
    // While it was asked the server may have ended, or somebody may have stopped it.
    if (this.state !== 'starting') throw await this.#startFailure('ended while starting')
    this.#machine.moveTo('running', 'ready')
  }

  async #startFailure(what: string): Promise<Error> {
    const log = await readTail(this.#spec.logFile, this.#logStart)
    if (log.includes('Address already in use')) return portTaken(this.port, this.name)
    const details = { server: this.name, port: this.port, logFile: this.#spec.logFile, log }
    return stackError(`${this.name} ${what}; the last error in its log: ${lastMessage(log)}`, details)
  }

  #onExit(): void {
    this.#pid = undefined
    this.#machine.moveTo('stopped', 'exited')
  }
}

/** The last lines written after byte `start`. */
async function readTail(path: string, start: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0)) // no log: it failed before it could write one
  return bytes.subarray(start).toString('utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
}

/** The last line that is not part of a stack trace. */
function lastMessage(log: string): string {
  return log.split('\n').findLast(line => /^\S/.test(line)) ?? 'none'
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    found => found.size,
    () => 0, // it does not exist before the first start
  )
}
