import type { GroupError } from './shared/errors.ts'
import type { GroupState } from './coordinator/group-state.ts'
import { toLoggable } from './shared/loggable-error.ts'
import type { Logger } from './shared/logger.ts'

interface PartitionEvent {
  readonly topic: string
  readonly partition: number
  /** Fencing token of the claim. */
  readonly epoch: bigint
  /** Claimed: where handling starts. Released: the next offset that was committed. */
  readonly offset: bigint
}

/** About one attempt. */
interface RecordEvent {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly threadId: number
  /** What failed the last attempt. */
  readonly error: Error
}

/** What a group tells: event name to payload. */
export interface GroupEventMap {
  'partition:claimed': PartitionEvent
  'partition:released': PartitionEvent & { readonly reason: string }
  /** The set of owned partitions changed and has settled. */
  'group:rebalanced': { readonly owned: number; readonly waiting: number }
  'offsets:committed': {
    readonly offsets: readonly {
      readonly topic: string
      readonly partition: number
      readonly offset: bigint
    }[]
  }
  /** Claims are no longer certainly valid: no handler starts until `session:restored`. */
  'session:lost': { readonly reason: string }
  /** Handlers start again: with the claims of before (`sameClaims`), or under a new session. */
  'session:restored': { readonly sameClaims: boolean }
  /** An attempt failed; the record is run again. */
  'record:failed': RecordEvent & { readonly attempt: number; readonly retryInMs: number }
  /** The attempts of a record are used up, and it is left out. */
  'record:skipped': RecordEvent & { readonly attempts: number }
  /** The attempts of a record are used up, and its dead letter is stored. */
  'record:dead-lettered': RecordEvent & { readonly attempts: number; readonly deadLetterTopic: string }
  /** A thread ended without being asked to. */
  'worker:died': { readonly threadId: number; readonly error: GroupError }
  /** A thread was ended, for a reason that an error event has told, and another runs its lanes. */
  'worker:replaced': { readonly threadId: number }
  'group:state': { readonly from: GroupState; readonly to: GroupState; readonly reason: string }
  error: GroupError
}

export type GroupEventName = keyof GroupEventMap
export type GroupEventListener<E extends GroupEventName> = (payload: GroupEventMap[E]) => void

type Listeners = { [E in GroupEventName]?: Set<GroupEventListener<E>> }

/**
 * Events of one group. A listener that throws is logged and cannot hurt the group. Errors that happen before
 * anybody listens are kept, up to `errorBufferSize`, for the first listener: `runGroup` resolves later than that.
 */
export class GroupEvents {
  readonly #listeners: Listeners = {}
  readonly #unheard: GroupError[] = []
  readonly #errorBufferSize: number
  readonly #logger: Logger

  constructor(errorBufferSize: number, logger: Logger) {
    this.#errorBufferSize = errorBufferSize
    this.#logger = logger
  }

  on<E extends GroupEventName>(event: E, listener: GroupEventListener<E>): void {
    this.#listenersOf(event).add(listener)
    if (event === 'error') for (const error of this.#unheard.splice(0)) this.emit('error', error)
  }

  off<E extends GroupEventName>(event: E, listener: GroupEventListener<E>): void {
    this.#listenersOf(event).delete(listener)
  }

  emit<E extends GroupEventName>(event: E, payload: GroupEventMap[E]): void {
    const listeners = this.#listenersOf(event)
    if (event === 'error' && listeners.size === 0) this.#keepUnheard(payload as GroupError)
    for (const listener of [...listeners]) this.#call(event, listener, payload)
  }

  #call<E extends GroupEventName>(
    event: E,
    listener: GroupEventListener<E>,
    payload: GroupEventMap[E],
  ): void {
    try {
      listener(payload)
    } catch (error) {
      this.#logger.error({ event, err: toLoggable(error) }, 'a listener threw; the group goes on')
    }
  }

  #keepUnheard(error: GroupError): void {
    this.#unheard.push(error)
    if (this.#unheard.length > this.#errorBufferSize) this.#unheard.shift()
  }

  #listenersOf<E extends GroupEventName>(event: E): Set<GroupEventListener<E>> {
    const existing = this.#listeners[event]
    if (existing !== undefined) return existing
    const created = new Set<GroupEventListener<E>>()
    Object.assign(this.#listeners, { [event]: created })
    return created
  }
}
