import type { HandlerContext, ThreadContext } from '../../handler.ts'
import type { Logger } from '../../shared/logger.ts'
import type { WorkerSettings } from '../../shared/protocol.ts'

/** What `setup` and `teardown` get: one per thread. */
export function createThreadContext(
  { groupId, memberId }: WorkerSettings,
  threadId: number,
  logger: Logger,
): ThreadContext {
  return { groupId, memberId, threadId, logger, state: undefined }
}

/** What a handler and the partition hooks get: one per lane. `state` is the thread's, also when a handler replaces it. */
export class LaneContext implements HandlerContext {
  readonly groupId: string
  readonly memberId: string
  readonly threadId: number
  readonly logger: Logger
  readonly epoch: bigint
  readonly #thread: ThreadContext
  /** Of the attempt under way; made when a handler asks: most never do. */
  #controller: AbortController | null = null
  /** That the hook `claimed` has asked for. */
  #ofClaim: AbortController | null = null
  /** Why the attempt under way is to give up; null: it is not. */
  #aborted: Error | null = null
  /** Why its handlers are to give up, now and later; null: they are not. */
  #givenUp: Error | null = null

  constructor(thread: ThreadContext, epoch: bigint) {
    this.#thread = thread
    this.groupId = thread.groupId
    this.memberId = thread.memberId
    this.threadId = thread.threadId
    this.logger = thread.logger
    this.epoch = epoch
  }

  get signal(): AbortSignal {
    const controller = (this.#controller ??= new AbortController())
    if (this.#aborted !== null) controller.abort(this.#aborted)
    return controller.signal
  }

  get state(): unknown {
    return this.#thread.state
  }

  set state(state: unknown) {
    this.#thread.state = state
  }

  // The owner of the lane alone calls these; handlers see only the signal.

  /** For good. */
  static abort(context: LaneContext, reason: Error): void {
    context.#givenUp = reason
    context.#ofClaim?.abort(reason)
    LaneContext.abortAttempt(context, reason)
  }

  static isGivenUp(context: LaneContext): boolean {
    return context.#givenUp !== null
  }

  /** The attempt under way alone is to give up. */
  static abortAttempt(context: LaneContext, reason: Error): void {
    context.#aborted ??= reason
    context.#controller?.abort(reason)
  }

  /** The hook `claimed` has run: what it has left running is told when the claim is lost, and nothing of attempts. */
  static claimed(context: LaneContext): void {
    context.#ofClaim = context.#controller
    context.#controller = null
  }

  /** An attempt is over: the next one has nothing to do with what it was told, or with who listened to it. */
  static renewSignal(context: LaneContext): void {
    if (context.#controller === null && context.#aborted === null) return
    context.#controller = null
    context.#aborted = context.#givenUp
  }
}
