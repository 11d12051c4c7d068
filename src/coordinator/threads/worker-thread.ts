import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { answering, outcome, type Answer, type Answering } from '../../shared/call-answers.ts'
import { deferred } from '../../shared/deferred.ts'
import type { GroupError } from '../../shared/errors.ts'
import { WorkerMemory } from '../../shared/memory/worker-memory.ts'
import type {
  Announcement,
  CoordinatorApi,
  FeedStart,
  LaneId,
  LaneStart,
  LeaderView,
  SeatStart,
  WorkerApi,
  WorkerMessage,
  WorkerSettings,
  WorkerStart,
  WorkerStarted,
} from '../../shared/protocol.ts'
import { StateMachine } from '../../shared/state-machine.ts'
import { PendingCalls } from './pending-calls.ts'
import { threadDeath, type ThreadDeath } from './thread-death.ts'
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

export interface WorkerThreadListener extends Omit<CoordinatorApi, 'announce' | 'aloneOver'> {
  /** See CoordinatorApi; with who asks, as the lane may have gone on to another thread by the time this arrives. */
  announce(thread: WorkerThread, lane: LaneId, announcement: Announcement): Promise<boolean>
  aloneOver(thread: WorkerThread, lane: LaneId, runsOn: boolean): Promise<void>
  message(thread: WorkerThread, message: WorkerMessage): void
  /**
   * It has exited: `death` is null after `stop`. Told before any call of it rejects, so that whoever called finds what is to
   * be done about it.
   */
  exited(thread: WorkerThread, death: ThreadDeath | null): void
}

/** The place of a thread that has none yet: it waits for one. */
const NO_PLACE = -1

/**
 * The coordinator's end of one worker thread. As long as the thread has not exited, a handler may run in it, so nothing
 * that was asked of it is given up before: a call of a thread that ends rejects with WORKER_DIED once it has exited.
 */
export class WorkerThread implements Asynchronous<Omit<WorkerApi, 'loadHandler' | 'wake'>> {
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
  /** Settles when the task is over, with what `ended` will say. Never rejects. */
  readonly #done: Promise<ThreadDeath | null>
  #threadId = NO_PLACE
  #restarts = 0
  #isReady = false
  /** Resolves when the handler is loaded; stays as it is if it never is. */
  readonly #ready = deferred<undefined>()
  /** The thread's own name for itself; null until it has begun. */
  #nodeThreadId: number | null = null
  #handledBefore = 0

  constructor(
    settings: WorkerSettings,
    groupMemory: SharedArrayBuffer,
    listener: WorkerThreadListener,
    host: ThreadHost,
  ) {
    this.#listener = listener
    this.#state = new StateMachine('worker thread', THREAD_MOVES, 'running')
    const calls = new MessageChannel()
    const answers = new MessageChannel()
    const messages = new MessageChannel()
    this.#messages = messages.port1
    this.#ports = [calls.port1, answers.port1, messages.port1]
    this.#remote = Comlink.wrap<Answering<WorkerApi>>(calls.port1)
    Comlink.expose(answering(callableBy(this, listener)), answers.port1)
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
      (error: unknown) => threadDeath(this, error),
    )
    this.ended = this.#exit(host)
  }

  /** Its place in the pool, from 0: `context.threadId`. -1 while it waits for one. */
  get threadId(): number {
    return this.#threadId
  }

  /** How many threads had this `threadId` before. */
  get restarts(): number {
    return this.#restarts
  }

  /** Its handler is loaded. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** It was told to end, whatever it does. */
  get wasTerminated(): boolean {
    return this.#kill.signal.aborted
  }

  /** Its task is not over. */
  get isRunning(): boolean {
    return this.#state.is('running')
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

  /** From now on it is the thread of this number. Before `loadHandler`. */
  takePlace(threadId: number, restarts = 0): void {
    this.#threadId = threadId
    this.#restarts = restarts
  }

  async loadHandler(): Promise<void> {
    await this.#call(() => this.#remote.loadHandler(this.#threadId))
    this.#isReady = true
    this.#ready.resolve(undefined)
  }

  /**
   * Resolves when lanes may be started: a thread that takes the place of another is known, and may be chosen, before it has
   * loaded the handler. WORKER_DIED if it never does.
   */
  whenReady(): Promise<void> {
    return this.#calls.settle(() => this.#ready.promise)
  }

  updateLeaders(view: LeaderView): Promise<void> {
    return this.#call(() => this.#remote.updateLeaders(view))
  }

  startLane(lane: LaneStart): Promise<void> {
    return this.#call(() => this.#remote.startLane(lane))
  }

  startSeat(seat: SeatStart): Promise<void> {
    return this.#call(() => this.#remote.startSeat(seat))
  }

  startFeed(feed: FeedStart): Promise<void> {
    return this.#call(() => this.#remote.startFeed(feed))
  }

  async drainLane(lane: LaneId): Promise<void> {
    await this.#call(() => this.#remote.drainLane(lane))
    this.#hearTheRest() // what the lane said last comes over another port, and belongs to whoever goes on with it
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
    const asked = this.#call(() => this.#remote.stop())
    // Its answer comes over a port of its own: the task may be over, and the thread gone, before that is heard.
    const isOver = this.#done.then(death => {
      if (death !== null) throw death.error
    })
    await Promise.race([asked, isOver])
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
    this.#state.moveTo('ending', death?.error.message ?? 'its task is over')
    this.#hearTheRest()
    // A thread that has not said its name has not begun: there is nothing of ours or of the user's in it.
    if (this.#nodeThreadId !== null) await host.exited(this.#nodeThreadId)
    this.#hearTheRest()
    for (const port of this.#ports) port.close()
    this.#state.moveTo('exited', 'the thread is gone')
    this.#listener.exited(this, death)
    this.#calls.rejectAll(death?.error ?? threadDeath(this, undefined).error)
    return death?.error ?? null
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
function callableBy(thread: WorkerThread, listener: WorkerThreadListener): CoordinatorApi {
  return {
    resolveOutOfRange: (lane, position) => listener.resolveOutOfRange(lane, position),
    deadLetter: letter => listener.deadLetter(letter),
    announce: (lane, announcement) => listener.announce(thread, lane, announcement),
    aloneOver: (lane, runsOn) => listener.aloneOver(thread, lane, runsOn),
    oauthToken: () => listener.oauthToken(),
  }
}
