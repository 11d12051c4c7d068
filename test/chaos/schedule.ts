import { shuffled } from '#src/shared/shuffled.js'
import { Random } from './random.ts'

export const FAULT_KINDS = [
  'join',
  'leave',
  'kill',
  'restart',
  'freeze-short',
  'freeze-long',
  'zookeeper-freeze-short',
  'zookeeper-freeze-long',
  'zookeeper-stop',
  'broker-stop',
  'broker-kill',
  'cut-zookeeper-short',
  'cut-zookeeper-long',
  'slow-zookeeper',
  'cut-brokers',
  'slow-brokers',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** The member lives and loses its claims with its session. */
export const TAKES_CLAIMS: ReadonlySet<FaultKind> = new Set<FaultKind>(['freeze-long', 'cut-zookeeper-long'])

/** How a connection is cut: closed, or open and silent. */
export type CutManner = 'closed' | 'silent'

/** One fault as it was drawn: what is to be done to whom, and for how long. */
export interface Step {
  readonly number: number
  readonly kind: FaultKind
  /** Time between the beginning of the step before and of this one; more if what it needs is still being hurt. */
  readonly afterMs: number
  /** The id of the member that is hurt, or that joins; null if a server is hurt. */
  readonly memberId: string | null
  readonly broker: number | null
  readonly lastsMs: number
  readonly manner: CutManner
  /** How much later everything arrives. */
  readonly delayMs: number
}

export interface ScheduleOptions {
  readonly seed: number
  readonly kinds: readonly FaultKind[]
  readonly sessionMs: number
  readonly brokers: number
  readonly minMembers: number
  readonly maxMembers: number
  readonly minPauseMs: number
  readonly maxPauseMs: number
}

/** In sessions. A short fault ends well before a lease that is as young as a heartbeat is over; a long one after the session. */
const SHORT = { from: 0.1, to: 0.4 }
const LONG = { from: 1.3, to: 2.2 }
const SLOWED = { from: 0.5, to: 2 }
const AWAY = { from: 0, to: 1.5 }
const DELAY_MS = { from: 20, to: 150 }

/**
 * The faults of one run, drawn one after the other without an end. A pure function of its options: what happens to the
 * members in between changes nothing. Each kind comes once per round; the order within a round is drawn.
 */
export class Schedule {
  readonly #options: ScheduleOptions
  readonly #random: Random
  readonly #members: string[]
  #round: FaultKind[] = []
  #drawn: Step[] = []
  #steps = 0
  #joined: number

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#members = Array.from({ length: options.minMembers }, (_, n) => memberName(n + 1))
    this.#joined = options.minMembers
  }

  /** Those that are there before the first fault. */
  static firstMembers(count: number): string[] {
    return Array.from({ length: count }, (_, n) => memberName(n + 1))
  }

  next(): Step {
    const waiting = this.#drawn.shift()
    if (waiting !== undefined) return waiting
    const kind = this.#nextKind()
    this.#keepInBounds(kind)
    this.#draw(kind)
    return this.next()
  }

  #nextKind(): FaultKind {
    if (this.#round.length === 0) this.#round = shuffled(this.#options.kinds, this.#random.next)
    return this.#round.shift()!
  }

  /** What would leave too few or make too many members follows its opposite. */
  #keepInBounds(kind: FaultKind): void {
    const { minMembers, maxMembers } = this.#options
    if ((kind === 'leave' || kind === 'kill') && this.#members.length <= minMembers) this.#draw('join')
    if (kind === 'join' && this.#members.length >= maxMembers) this.#draw('leave')
  }

  #draw(kind: FaultKind): void {
    const { minPauseMs, maxPauseMs, brokers } = this.#options
    const random = this.#random
    this.#drawn.push({
      number: (this.#steps += 1),
      kind,
      afterMs: random.between(minPauseMs, maxPauseMs),
      memberId: this.#drawMember(kind),
      broker: kind.startsWith('broker-') ? random.between(0, brokers - 1) : null,
      lastsMs: this.#drawDuration(kind),
      manner: random.pick(['closed', 'silent']),
      delayMs: random.between(DELAY_MS.from, DELAY_MS.to),
    })
  }

  #drawMember(kind: FaultKind): string | null {
    if (kind.startsWith('zookeeper-') || kind.startsWith('broker-')) return null
    if (kind === 'join') {
      const name = memberName((this.#joined += 1))
      this.#members.push(name)
      return name
    }
    const victim = this.#random.pick(this.#members)
    if (kind === 'leave' || kind === 'kill') this.#members.splice(this.#members.indexOf(victim), 1)
    return victim
  }

  #drawDuration(kind: FaultKind): number {
    const { from, to } = durationOf(kind)
    const { sessionMs } = this.#options
    return this.#random.between(Math.round(from * sessionMs), Math.round(to * sessionMs))
  }
}

function durationOf(kind: FaultKind): { from: number; to: number } {
  if (kind.endsWith('-short')) return SHORT
  if (kind.endsWith('-long')) return LONG
  if (kind.startsWith('slow-') || kind === 'cut-brokers') return SLOWED
  if (kind === 'zookeeper-stop' || kind.startsWith('broker-') || kind === 'restart') return AWAY
  return { from: 0, to: 0 }
}

function memberName(number: number): string {
  return `m${number}`
}
