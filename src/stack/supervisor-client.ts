import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { stackError } from './stack-error.ts'
import type {
  Answer,
  Launch,
  ServerSignal,
  Signal,
  SupervisorMessage,
  SupervisorRequest,
} from './supervisor-protocol.ts'

const ENTRY = fileURLToPath(new URL('./supervisor.js', import.meta.url))

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/** The parent's side of the supervisor process: launches servers, signals them, and hears of their exits. */
export class Supervisor {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  readonly #exited: Promise<void>
  readonly #exitListeners = new Map<string, (pid: number) => void>()
  #directory = ''
  #lastId = 0
  #ended: Promise<void> | undefined

  /** Without a directory the supervisor makes a temporary one and removes it when it ends. */
  static async start(directory: string | undefined): Promise<Supervisor> {
    // A session of its own: Ctrl-C in the terminal reaches the parent only, and the supervisor cleans up after it.
    const child = fork(ENTRY, directory === undefined ? [] : [directory], {
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const supervisor = new Supervisor(child)
    await supervisor.#becomeReady()
    return supervisor
  }

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = new Promise(resolve => child.once('exit', () => resolve()))
    child.on('message', message => this.#onMessage(message as SupervisorMessage))
    child.once('exit', () => this.#rejectPending())
  }

  get directory(): string {
    return this.#directory
  }

  /** `listener` hears of every exit of the server of that name. */
  onExit(name: string, listener: (pid: number) => void): void {
    this.#exitListeners.set(name, listener)
  }

  async launch(launch: Omit<Launch, 'type'>): Promise<number> {
    const { pid } = await this.#call({ type: 'launch', ...launch })
    return pid!
  }

  /** False when the server has exited: its pid may belong to somebody else by now, so it is not signalled. */
  async signal(name: string, signal: ServerSignal): Promise<boolean> {
    const { signalled } = await this.#call({ type: 'signal', name, signal })
    return signalled === true
  }

  /** Kills every server, removes a temporary directory, and ends the supervisor. */
  end(): Promise<void> {
    return (this.#ended ??= this.#finish({ type: 'end' }))
  }

  /** Ends the supervisor and leaves the servers running. */
  release(): Promise<void> {
    return (this.#ended ??= this.#finish({ type: 'release' }))
  }

  async #finish(request: SupervisorRequest): Promise<void> {
    // A request that cannot be sent finds the supervisor already ending, and that is what we wait for.
    if (this.#child.connected) this.#child.send(request, () => {})
    await this.#exited
  }

  #becomeReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.set(0, { resolve: () => resolve(), reject })
      this.#child.once('error', reject)
    })
  }

  #call(call: Launch | Signal): Promise<Answer> {
    const request: SupervisorRequest = { ...call, id: ++this.#lastId }
    return new Promise((resolve, reject) => {
      this.#pending.set(request.id, { resolve, reject })
      this.#child.send(request, error => {
        if (error !== null) this.#settle({ type: 'answer', id: request.id, error: error.message })
      })
    })
  }

  #onMessage(message: SupervisorMessage): void {
    switch (message.type) {
      case 'ready':
        this.#directory = message.directory
        this.#settle({ type: 'answer', id: 0 })
        return
      case 'answer':
        this.#settle(message)
        return
      case 'exited':
        this.#exitListeners.get(message.name)?.(message.pid)
    }
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (answer.error === undefined) pending?.resolve(answer)
    else pending?.reject(stackError(`a server of the stack could not be controlled: ${answer.error}`))
  }

  #rejectPending(): void {
    for (const id of [...this.#pending.keys()])
      this.#settle({ type: 'answer', id, error: 'its supervisor process has ended' })
  }
}
