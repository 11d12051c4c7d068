import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { answering, outcome, type Answer, type Answering } from '../../shared/call-answers.ts'
import { GroupError, messageOf } from '../../shared/errors.ts'
import { WorkerMemory } from '../../shared/memory/worker-memory.ts'
import type {
  CoordinatorApi,
  LaneId,
  LaneStart,
  LeaderView,
  WorkerApi,
  WorkerMessage,
  WorkerSettings,
  WorkerStart,
  WorkerStarted,
} from '../../shared/protocol.ts'
import { StateMachine } from '../../shared/state-machine.ts'
import { PendingCalls } from './pending-calls.ts'
import { THREAD_MOVES, type ThreadState } from './thread-state.ts'

/** What starts threads and sees them exit. */
export interface ThreadHost {
  /** Starts the endless task of one thread. Settles when the task is over, or when the thread was told to end: it may live on. */
  run(start: WorkerStart, transfer: MessagePort[], signal: AbortSignal): Promise<void>
  /** Resolves when the thread of this number (of node:worker_threads) has exited. */
  exited(nodeThreadId: number): Promise<void>
}

/** An interface as the other side of a port sees it: every answer takes its time. */
type Asynchronous<Api> = {
  [Name in keyof Api]: Api[Name] extends (...given: infer Given) => infer Answer
    ? (...given: Given) => Promise<Awaited<Answer>>
    : never
}

export interface WorkerThreadListener extends CoordinatorApi {
  message(thread: WorkerThread, message: WorkerMessage): void
}

/**
 * The coordinator's end of one worker thread. As long as the thread has not exited, a handler may run in it, so nothing
 * that was asked of it is given up before: a call of a thread that ends rejects with WORKER_DIED once it has exited.
 */
export class WorkerThread implements Omit<Asynchronous<WorkerApi>, 'wake'> {
  readonly threadId: number
  /** How many threads had this `threadId` before. */
  readonly restarts: number
  readonly memory = new WorkerMemory()
  /** Settles when the thread has exited: with null after `stop`, else with what ended it. Never rejects. */
  readonly ended: Promise<GroupError | null>
  readonly #listener: WorkerThreadListener
  readonly #remote: Comlink.Remote<Answering<WorkerApi>>
  readonly #messages: MessagePort
  readonly #ports: MessagePort[]
  readonly #calls = new PendingCalls()
  readonly #kill = new AbortController()
  readonly #state: StateMachine<ThreadState>
  /** Settles when the task is over, as `ended` does. */
  readonly #done: Promise<GroupError | null>
  /** The thread's own name for itself; null until it has begun. */
  #nodeThreadId: number | null = null
  #handledBefore = 0

  constructor(
    settings: WorkerSettings,
    groupMemory: SharedArrayBuffer,
    listener: WorkerThreadListener,
    host: ThreadHost,
    restarts = 0,
  ) {
    this.threadId = settings.threadId
    this.restarts = restarts
    this.#listener = listener
    this.#state = new StateMachine(`worker thread ${this.threadId}`, THREAD_MOVES, 'running')
    const calls = new MessageChannel()
    const answers = new MessageChannel()
    const messages = new MessageChannel()
    this.#messages = messages.port1
    this.#ports = [calls.port1, answers.port1, messages.port1]
    this.#remote = Comlink.wrap<Answering<WorkerApi>>(calls.port1)
    Comlink.expose(answering(callableBy(listener)), answers.port1)
    this.#messages.on('message', (message: WorkerMessage | WorkerStarted) => this.#hear(message))
    const start: WorkerStart = {
      workerPort: calls.port2,
      coordinatorPort: answers.port2,
      messagePort: messages.port2,
      groupMemory,
      workerMemory: this.memory.buffer,
      settings,
    }
    const transfer = [calls.port2, answers.port2, messages.port2]
    this.#done = host.run(start, transfer, this.#kill.signal).then(
      () => null,
      (error: unknown) => diedError(this.threadId, error),
    )
    this.ended = this.#exit(host)
  }

  /** None of its code runs any more. Until then its handler may be at work, whatever the thread was told. */
  get hasExited(): boolean {
    return this.#state.is('exited')
  }

  /** Records finished on this thread in lanes that it no longer runs. */
  get handledBefore(): number {
    return this.#handledBefore
  }

  creditHandled(count: number): void {
    this.#handledBefore += count
  }

  loadHandler(): Promise<void> {
    return this.#call(() => this.#remote.loadHandler())
  }

  updateLeaders(view: LeaderView): Promise<void> {
    return this.#call(() => this.#remote.updateLeaders(view))
  }

  startLane(lane: LaneStart): Promise<void> {
    return this.#call(() => this.#remote.startLane(lane))
  }

  drainLane(lane: LaneId): Promise<void> {
    return this.#call(() => this.#remote.drainLane(lane))
  }

  abortLane(lane: LaneId, reason: string): Promise<void> {
    return this.#call(() => this.#remote.abortLane(lane, reason))
  }

  setPaused(lane: LaneId, paused: boolean): Promise<void> {
    return this.#call(() => this.#remote.setPaused(lane, paused))
  }

  /** Lanes that were held because another ran alone may take records. A thread that is ending has none. */
  wake(): void {
    this.#call(() => this.#remote.wake()).catch(() => {}) // WORKER_DIED: there is nothing to wake
  }

  /** Lets the thread drain, tear down and end its task. Whoever started the thread then ends it. */
  async stop(): Promise<void> {
    await this.#call(() => this.#remote.stop())
    await this.#done
  }

  /** Ends the thread whatever it does. A native call in progress cannot be cut: the answer waits for it. Idempotent. */
  terminate(): Promise<GroupError | null> {
    this.#kill.abort()
    return this.ended
  }

  #call<T>(ask: () => Promise<Answer<T>>): Promise<T> {
    return this.#calls.settle(() => outcome(ask()))
  }

  async #exit(host: ThreadHost): Promise<GroupError | null> {
    const death = await this.#done
    this.#state.moveTo('ending', death?.message ?? 'its task is over')
    this.#hearTheRest()
    // A thread that has not said its name has not begun: there is nothing of ours or of the user's in it.
    if (this.#nodeThreadId !== null) await host.exited(this.#nodeThreadId)
    this.#hearTheRest()
    for (const port of this.#ports) port.close()
    this.#state.moveTo('exited', 'the thread is gone')
    this.#calls.rejectAll(death ?? diedError(this.threadId, undefined))
    return death
  }

  #hear(message: WorkerMessage | WorkerStarted): void {
    if (message.type === 'started') this.#nodeThreadId = message.nodeThreadId
    else this.#listener.message(this, message)
  }

  /** What the thread said last lies in the port's queue when its task settles: `teardown` may log. */
  #hearTheRest(): void {
    for (
      let last = receiveMessageOnPort(this.#messages);
      last !== undefined;
      last = receiveMessageOnPort(this.#messages)
    ) {
      this.#hear(last.message as WorkerMessage | WorkerStarted)
    }
  }
}

/** Only what CoordinatorApi names may be called from a thread. */
function callableBy(listener: WorkerThreadListener): CoordinatorApi {
  return {
    resolveOutOfRange: (lane, position) => listener.resolveOutOfRange(lane, position),
    deadLetter: letter => listener.deadLetter(letter),
    announce: (lane, announcement) => listener.announce(lane, announcement),
    aloneOver: lane => listener.aloneOver(lane),
    oauthToken: () => listener.oauthToken(),
  }
}

function diedError(threadId: number, cause: unknown): GroupError {
  const why = cause === undefined ? 'it ended' : messageOf(cause)
  return new GroupError('WORKER_DIED', `worker thread ${threadId} died: ${why}`, {
    details: { threadId },
    cause,
  })
}
