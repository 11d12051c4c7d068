import type { GroupError } from '../shared/errors.ts'
import type { LaneId } from '../shared/protocol.ts'
import { StateMachine } from '../shared/state-machine.ts'
import { partitionName } from '../shared/types.ts'
import type { HandlerPartition } from '../handler.ts'
import { LaneContext } from './handler/contexts.ts'
import type { LoadedHandler } from './handler/handler-exports.ts'
import { hookFailed } from './lane-errors.ts'
import { LANE_MOVES, type LaneState } from './lane-state.ts'

export interface LaneLifeParts {
  readonly id: LaneId
  readonly handler: LoadedHandler
  /** Of the hooks. */
  readonly context: LaneContext
  /** `claimed` has run: records may be taken. */
  readonly opened: () => void
  /** No record is taken any more; one may still run. Idempotent. */
  readonly closed: () => void
  /** Resolves when none runs. */
  readonly settled: () => Promise<void>
  readonly moved: () => void
  readonly failed: (error: GroupError) => void
  readonly troubled: (error: GroupError) => void
}

/** From `claimed` to `released`: what a lane is allowed to do, and the hooks at both ends. */
export class LaneLife {
  readonly #parts: LaneLifeParts
  readonly #partition: HandlerPartition
  readonly #state: StateMachine<LaneState>
  #started: Promise<void> | null = null
  #drained: Promise<void> | null = null

  constructor(parts: LaneLifeParts) {
    const { topic, partition } = parts.id
    this.#parts = parts
    this.#partition = { topic, partition }
    this.#state = new StateMachine(`lane ${partitionName(parts.id)}`, LANE_MOVES, 'starting')
  }

  get state(): LaneState {
    return this.#state.state
  }

  /** HANDLER_HOOK_FAILED: the lane is over. */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  /** Closes the lane, waits for what runs, runs `released`. Idempotent; never rejects. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  /** Nothing more is taken for good. False if that was so before, and the error is only told. */
  fail(error: GroupError): boolean {
    if (this.state !== 'running') {
      this.#parts.troubled(error) // whoever goes on with the lane meets the same record
      return false
    }
    this.#move('failed', error.code)
    this.#parts.closed()
    this.#parts.failed(error)
    return true
  }

  async #start(): Promise<void> {
    const { handler, context, opened } = this.#parts
    try {
      await handler.claimed?.(this.#partition, context)
      LaneContext.claimed(context)
    } catch (thrown) {
      if (this.#state.is('starting')) {
        this.#parts.closed()
        this.#move('drained', "'claimed' failed")
      }
      throw hookFailed('claimed', this.#partition, thrown)
    }
    if (!this.#state.is('starting')) return // drained while the hook ran
    this.#move('running', 'started')
    opened()
  }

  async #drain(): Promise<void> {
    const { handler, context, troubled, settled } = this.#parts
    if (this.#state.is('drained')) return
    const wasStarting = this.#state.is('starting')
    this.#move('draining', 'asked to')
    this.#parts.closed()
    if (wasStarting && !(await this.#hasStarted())) return
    await settled()
    try {
      await handler.released?.(this.#partition, context)
    } catch (thrown) {
      // Progress is in the memory whatever the hook does: the partition can be given up.
      troubled(hookFailed('released', this.#partition, thrown))
    }
    this.#move('drained', 'released')
  }

  /** False if `claimed` failed: then there is nothing to release; whoever called start hears of it. */
  async #hasStarted(): Promise<boolean> {
    try {
      await this.#started
      return true
    } catch {
      this.#move('drained', "'claimed' failed") // reported by start()
      return false
    }
  }

  #move(to: LaneState, reason: string): void {
    this.#state.moveTo(to, reason)
    this.#parts.moved()
  }
}
