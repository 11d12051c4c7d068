import { setTimeout as delay } from 'node:timers/promises'
import { Backoff } from '../../shared/backoff.ts'
import { asGroupError, type GroupError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import { StateMachine, type MoveTable } from '../../shared/state-machine.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import type { Decision } from './decide.ts'

/**
 * | state    | what is true inside it                                                                  |
 * | -------- | --------------------------------------------------------------------------------------- |
 * | idle     | what was decided last stands; a trigger begins a round                                  |
 * | looking  | members, topics and plan are being read                                                 |
 * | waiting  | a new plan is due, and this member lets those before it write it first                  |
 * | resting  | the last look failed for a passing reason; a timer or a trigger begins the next         |
 * | stopped  | final                                                                                   |
 */
type RebalancerState = 'idle' | 'looking' | 'waiting' | 'resting' | 'stopped'

const MOVES: MoveTable<RebalancerState> = {
  idle: ['looking', 'stopped'],
  looking: ['looking', 'idle', 'waiting', 'resting', 'stopped'],
  waiting: ['looking', 'stopped'],
  resting: ['looking', 'stopped'],
  stopped: [],
}

export interface RebalancerHost {
  /** Reads everything anew and decides; see decide.ts. */
  decide(): Promise<Decision>
  /** Stores the plan if nobody has stored one since the decision; false otherwise. */
  write(plan: Buffer, version: number): Promise<boolean>
  /** What this member is to own from now on. */
  retarget(wanted: readonly WantedPartition[]): void
  report(error: GroupError): void
  readonly logger: Logger
}

/** Members that come together make several changes within as long: one round for all of them. */
const COLLAPSE_MS = 20
const AGAIN = { initialMs: 100, maxMs: 3000 }

/** Keeps what this member should own in step with the group: one round at a time, and another if something changed meanwhile. */
export class Rebalancer {
  readonly #host: RebalancerHost
  readonly #state: StateMachine<RebalancerState>
  readonly #again = new Backoff(AGAIN)
  readonly #told = new Set<string>()
  #isDue = false
  #cut = new AbortController()
  #running: Promise<void> | null = null

  constructor(host: RebalancerHost) {
    this.#host = host
    this.#state = new StateMachine<RebalancerState>('rebalancer', MOVES, 'idle')
  }

  /** Something may have changed. Resolves when a round that began after this call has ended. */
  trigger(): Promise<void> {
    if (this.#state.is('stopped')) return Promise.resolve()
    this.#isDue = true
    this.#cut.abort() // whoever waits begins anew
    this.#running ??= this.#runRounds().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  /** No further round; resolves when the one under way has ended. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#state.is('stopped')) this.#state.moveTo('stopped', 'asked to')
    this.#cut.abort()
    await this.#running
  }

  async #runRounds(): Promise<void> {
    while (this.#isDue && !this.#isStopped) {
      this.#state.moveTo('looking', 'something may have changed')
      await delay(COLLAPSE_MS)
      this.#isDue = false
      this.#cut = new AbortController()
      await this.#runRound()
    }
  }

  async #runRound(): Promise<void> {
    try {
      const decision = await this.#host.decide()
      if (this.#isStopped) return // while it was being read
      this.#tell(decision.troubles)
      this.#again.reset()
      if (decision.type === 'act') this.#act(decision.wanted)
      else await this.#write(decision)
    } catch (thrown) {
      if (!this.#isStopped) await this.#rest(asGroupError(thrown, 'rebalancing'))
    }
  }

  #act(wanted: readonly WantedPartition[]): void {
    this.#host.retarget(wanted)
    this.#state.moveTo('idle', 'decided')
  }

  async #write({ plan, version, waitMs, wanted }: Extract<Decision, { type: 'write' }>): Promise<void> {
    this.#state.moveTo('waiting', 'a new plan is due')
    await this.#pause(waitMs)
    if (this.#isStopped) return
    this.#state.moveTo('looking', 'nobody else wrote it')
    if (this.#isDue) return // something changed while it waited: perhaps somebody else wrote it
    if (await this.#host.write(plan, version)) this.#act(wanted)
    else this.#isDue = true // somebody else was faster: read theirs
  }

  /** A connection that is away comes back, and then a trigger comes; anything else is tried again, too. */
  async #rest(error: GroupError): Promise<void> {
    this.#host.logger.warn({ err: error }, 'a rebalance could not be decided; trying again')
    if (!error.retryable) this.#tell([error])
    this.#state.moveTo('resting', error.code)
    await this.#pause(this.#again.nextDelayMs())
    this.#isDue = true
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#cut.signal }).catch(() => {}) // cut by a trigger or the stop, which look by themselves
  }

  /** Each once: it stands until the nodes change. */
  #tell(troubles: readonly GroupError[]): void {
    for (const trouble of troubles) {
      if (this.#told.has(trouble.message)) continue
      this.#told.add(trouble.message)
      this.#host.report(trouble)
    }
  }

  get #isStopped(): boolean {
    return this.#state.is('stopped')
  }
}
