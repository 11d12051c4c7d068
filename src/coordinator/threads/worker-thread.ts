import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import * as Comlink from 'comlink'
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
} from '../../shared/protocol.ts'

/** Starts the endless task of one thread; the promise settles when the thread is done or dead. */
export type RunTask = (start: WorkerStart, transfer: MessagePort[], signal: AbortSignal) => Promise<void>

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
 * The coordinator's end of one worker thread. A call that Comlink has in flight when a thread dies stays pending
 * for ever, so every call races with the thread's end.
 */
export class WorkerThread implements Asynchronous<WorkerApi> {
  readonly threadId: number
  readonly memory = new WorkerMemory()
  /** Settles with null when the thread ended after `stop`, else with what ended it. Never rejects. */
  readonly ended: Promise<GroupError | null>
  readonly #remote: Comlink.Remote<WorkerApi>
  readonly #ports: MessagePort[]
  readonly #kill = new AbortController()
  readonly #death: Promise<never>
  #handledBefore = 0

  constructor(
    settings: WorkerSettings,
    groupMemory: SharedArrayBuffer,
    listener: WorkerThreadListener,
    run: RunTask,
  ) {
    this.threadId = settings.threadId
    const calls = new MessageChannel()
    const answers = new MessageChannel()
    const messages = new MessageChannel()
    this.#ports = [calls.port1, answers.port1, messages.port1]
    this.#remote = Comlink.wrap<WorkerApi>(calls.port1)
    Comlink.expose(callableBy(listener), answers.port1)
    messages.port1.on('message', (message: WorkerMessage) => {
      listener.message(this, message)
    })
    const start: WorkerStart = {
      workerPort: calls.port2,
      coordinatorPort: answers.port2,
      messagePort: messages.port2,
      groupMemory,
      workerMemory: this.memory.buffer,
      settings,
    }
    const transfer = [calls.port2, answers.port2, messages.port2]
    this.ended = this.#watch(run(start, transfer, this.#kill.signal), () => {
      // What the thread said last lies in the port's queue when its task settles: `teardown` may log.
      for (
        let last = receiveMessageOnPort(messages.port1);
        last !== undefined;
        last = receiveMessageOnPort(messages.port1)
      ) {
        listener.message(this, last.message as WorkerMessage)
      }
    })
    this.#death = this.ended.then(error => {
      throw error ?? diedError(this.threadId, undefined)
    })
    this.#death.catch(() => {}) // calls race with it; alone it is nobody's rejection
  }

  /** Records finished on this thread in lanes that it no longer runs. */
  get handledBefore(): number {
    return this.#handledBefore
  }

  creditHandled(count: number): void {
    this.#handledBefore += count
  }

  loadHandler(): Promise<void> {
    return this.#alive(this.#remote.loadHandler())
  }

  updateLeaders(view: LeaderView): Promise<void> {
    return this.#alive(this.#remote.updateLeaders(view))
  }

  startLane(lane: LaneStart): Promise<void> {
    return this.#alive(this.#remote.startLane(lane))
  }

  drainLane(lane: LaneId): Promise<void> {
    return this.#alive(this.#remote.drainLane(lane))
  }

  abortLane(lane: LaneId, reason: string): Promise<void> {
    return this.#alive(this.#remote.abortLane(lane, reason))
  }

  setPaused(lane: LaneId, paused: boolean): Promise<void> {
    return this.#alive(this.#remote.setPaused(lane, paused))
  }

  /** Lets the thread drain, tear down and end. */
  async stop(): Promise<void> {
    await this.#alive(this.#remote.stop())
    await this.ended
  }

  /** Ends the thread whatever it does; a native call in progress is waited for by the runtime. */
  terminate(): Promise<GroupError | null> {
    this.#kill.abort()
    return this.ended
  }

  #alive<T>(call: Promise<T>): Promise<T> {
    return Promise.race([call, this.#death])
  }

  async #watch(task: Promise<void>, hearTheRest: () => void): Promise<GroupError | null> {
    try {
      await task
      return null
    } catch (error) {
      return diedError(this.threadId, error)
    } finally {
      hearTheRest()
      for (const port of this.#ports) port.close()
    }
  }
}

/** Only what CoordinatorApi names may be called from a thread. */
function callableBy(listener: WorkerThreadListener): CoordinatorApi {
  return {
    resolveOutOfRange: (lane, position) => listener.resolveOutOfRange(lane, position),
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
