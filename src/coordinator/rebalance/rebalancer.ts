import { setTimeout as delay } from 'node:timers/promises'
import { Backoff } from '../../shared/backoff.ts'
import { asGroupError, type GroupError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import { StateMachine, type MoveTable } from '../../shared/state-machine.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import type { AssignmentKind } from '../assignment/negotiate.ts'
import type { GroupDecision } from './group-look.ts'

/**
 * | state     | what is true inside it                                                                  |
 * | --------- | --------------------------------------------------------------------------------------- |
 * | idle      | what was decided last stands; a trigger begins a round                                  |
 * | gathering | members came or went, and more may do so at the same moment: one look for all of them   |
 * | looking   | members, topics and plan are being read                                                 |
 * | waiting   | a new plan is due, and this member lets those before it write it first                  |
 * | resting   | the last look failed for a passing reason; a timer or a trigger begins the next         |
 * | stopped   | final                                                                                   |
 */
type RebalancerState = 'idle' | 'gathering' | 'looking' | 'waiting' | 'resting' | 'stopped'

const MOVES: MoveTable<RebalancerState> = {
  idle: ['gathering', 'looking', 'stopped'],
  gathering: ['looking', 'stopped'],
  looking: ['gathering', 'looking', 'idle', 'waiting', 'resting', 'stopped'],
  waiting: ['looking', 'stopped'],
  resting: ['gathering', 'looking', 'stopped'],
  stopped: [],
}

export interface RebalancerHost {
  /** Reads everything anew and decides; see decide.ts. */
  decide(): Promise<GroupDecision>
  /** Stores the plan if nobody has stored one since the decision; false otherwise. */
  write(plan: Buffer, version: number): Promise<boolean>
  /** What this member is to own from now on. */
  retarget(wanted: readonly WantedPartition[], assignBy: AssignmentKind): void
  report(error: GroupError): void
  readonly logger: Logger
}

/** Members that come together make several changes within as long: one round for all of them. */
const GATHER_MS = 20
const AGAIN = { initialMs: 100, maxMs: 3000 }
/** Members that see different topics would replace each other's plans for ever; let them do so at leisure. */
const QUARREL = { initialMs: 100, maxMs: 3000 }

/** Keeps what this member should own in step with the group: one round at a time, and another if something changed meanwhile. */
export class Rebalancer {
  readonly #host: RebalancerHost
  readonly #state: StateMachine<RebalancerState>
  readonly #again = new Backoff(AGAIN)
  #told: ReadonlySet<string> = new Set()
  #isDue = false
  /** A plan stands: nothing is gained by waiting for more. */
  #isUrgent = false
  /** Members came or went since the last look, as far as is known. */
  #haveMembersChanged = false
  readonly #quarrel = new Backoff(QUARREL)
  /** How often in a row a plan was to be replaced although nobody had come or gone. */
  #quarrels = 0
  readonly #provisional = new Backoff(AGAIN)
  #provisionalTimer: NodeJS.Timeout | undefined
  #cut = new AbortController()
  #running: Promise<void> | null = null

  constructor(host: RebalancerHost) {
    this.#host = host
    this.#state = new StateMachine<RebalancerState>('rebalancer', MOVES, 'idle')
  }

  /** Something may have changed. Resolves when a round that began after this call has ended. */
  trigger(what: 'members' | 'plan' = 'members'): Promise<void> {
    if (this.#state.is('stopped')) return Promise.resolve()
    this.#isDue = true
    if (what === 'plan') this.#isUrgent = true
    else this.#haveMembersChanged = true
    if (this.#isUrgent || !this.#state.is('gathering')) this.#cut.abort() // whoever waits begins anew
    this.#running ??= this.#runRounds()
    return this.#running
  }

  /** No further round; resolves when the one under way has ended. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#state.is('stopped')) this.#state.moveTo('stopped', 'asked to')
    this.#cut.abort()
    clearTimeout(this.#provisionalTimer)
    await this.#running
  }

  async #runRounds(): Promise<void> {
    try {
      while (this.#isDue && !this.#isStopped) await this.#gatherAndRun()
    } finally {
      this.#running = null // in the very turn of the last look at what is due: a trigger after it begins anew
    }
  }

  async #gatherAndRun(): Promise<void> {
    await this.#gather()
    if (this.#isStopped) return // while more changes were waited for
    this.#state.moveTo('looking', 'something may have changed')
    this.#isDue = false
    this.#isUrgent = false
    if (this.#haveMembersChanged) this.#makePeace()
    this.#cut = new AbortController()
    await this.#runRound()
  }

  async #gather(): Promise<void> {
    if (this.#isUrgent) return
    this.#state.moveTo('gathering', 'something may have changed')
    this.#cut = new AbortController()
    await this.#pause(GATHER_MS)
  }

  async #runRound(): Promise<void> {
    try {
      const decision = await this.#host.decide()
      if (this.#isStopped) return // while it was being read
      this.#tell(decision.troubles)
      this.#again.reset()
      if (decision.type === 'act') this.#act(decision)
      else await this.#write(decision)
      this.#lookAgainIf(decision.isProvisional)
    } catch (thrown) {
      if (!this.#isStopped) await this.#rest(asGroupError(thrown, 'rebalancing'))
    }
  }

  #act({ wanted, assignBy }: GroupDecision): void {
    this.#host.retarget(wanted, assignBy)
    this.#state.moveTo('idle', 'decided')
  }

  /** What was decided without the brokers stands until they answer. */
  #lookAgainIf(isProvisional: boolean): void {
    clearTimeout(this.#provisionalTimer)
    if (!isProvisional) this.#provisional.reset()
    else if (!this.#isStopped)
      this.#provisionalTimer = setTimeout(() => void this.trigger(), this.#provisional.nextDelayMs())
  }

  async #write(decision: Extract<GroupDecision, { type: 'write' }>): Promise<void> {
    const { plan, version, waitMs } = decision
    this.#state.moveTo('waiting', 'a new plan is due')
    await this.#pause(waitMs + this.#quarrelMs())
    if (this.#isStopped) return
    this.#state.moveTo('looking', 'nobody else wrote it')
    if (this.#isDue) return // something changed while it waited: perhaps somebody else wrote it
    const isStored = await this.#host.write(plan, version)
    if (this.#state.is('stopped')) return // while it was being stored
    if (isStored) this.#act(decision)
    else this.#isDue = true // somebody else was faster: read theirs
  }

  /** The first time may be chance: the other one had not seen who came or went. */
  #quarrelMs(): number {
    this.#quarrels += 1
    return this.#quarrels > 1 ? this.#quarrel.nextDelayMs() : 0
  }

  #makePeace(): void {
    this.#haveMembersChanged = false
    this.#quarrel.reset()
    this.#quarrels = -1 // what this round writes is none
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

  /** Each once for as long as it stands, whoever comes and goes meanwhile. */
  #tell(troubles: readonly GroupError[]): void {
    const nameOf = ({ code, details }: GroupError): string =>
      [code, details['path'], details['members']].map(String).join(' ')
    for (const trouble of troubles) if (!this.#told.has(nameOf(trouble))) this.#host.report(trouble)
    this.#told = new Set(troubles.map(nameOf))
  }

  get #isStopped(): boolean {
    return this.#state.is('stopped')
  }
}
