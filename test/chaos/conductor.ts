import { setTimeout as sleep } from 'node:timers/promises'
import { toError } from '#src/shared/errors.js'
import { actOf, FaultClock, type FaultField } from './faults.ts'
import type { Fault } from './history.ts'
import { TAKES_CLAIMS, type FaultKind, type Schedule, type Step } from './schedule.ts'

export interface ConductorOptions {
  readonly schedule: Pick<Schedule, 'next'>
  readonly field: FaultField
  /** Each of them is carried out at least once, even if that takes longer. */
  readonly kinds: readonly FaultKind[]
  readonly lastsMs: number
  readonly onProgress: (text: string) => void
}

/**
 * Carries out the faults of a schedule in its order. They overlap, except those that need the same thing: a member or a
 * server is hurt in one way at a time, and the next step waits for it, so that each hits what it was drawn for.
 */
export class Conductor {
  readonly faults: Fault[] = []
  readonly #options: ConductorOptions
  /** By name of what is being hurt: settles when it is healed. */
  readonly #hurting = new Map<string, Promise<void>>()
  readonly #begun = new Set<FaultKind>()
  #broken: Error | null = null

  constructor(options: ConductorOptions) {
    this.#options = options
  }

  /** Resolves when the time is over, each kind was carried out and everything is healed. Rejects if a server could not be healed. */
  async run(): Promise<void> {
    const { schedule, lastsMs } = this.#options
    const endMs = performance.now() + lastsMs
    while (this.#broken === null && (performance.now() < endMs || this.#isAnyMissing)) {
      const step = schedule.next()
      await sleep(step.afterMs)
      for (const resource of resourcesOf(step)) await this.#hurting.get(resource)
      this.#hurt(step)
    }
    await Promise.all(this.#hurting.values())
    if (this.#broken !== null) throw this.#broken
  }

  get #isAnyMissing(): boolean {
    return this.#options.kinds.some(kind => !this.#begun.has(kind))
  }

  #hurt(step: Step): void {
    this.#begun.add(step.kind)
    const healed = this.#carryOut(step).catch((error: unknown) => {
      this.#broken ??= toError(error)
    })
    for (const resource of resourcesOf(step)) this.#hurting.set(resource, healed)
  }

  async #carryOut(step: Step): Promise<void> {
    const { field, onProgress } = this.#options
    const act = actOf(step, field)
    onProgress(`${step.number} ${step.kind} ${act.target}`)
    const clock = new FaultClock()
    const evidence = await act.run(clock)
    const { fromMs, toMs, unanswered } = clock
    this.faults.push({
      step: step.number,
      kind: step.kind,
      target: act.target,
      fromMs,
      toMs,
      unanswered,
      evidence,
    })
    onProgress(`${step.number} ${step.kind} ${act.target}: over; ${evidence ?? 'nothing was seen of it'}`)
  }
}

const SERVERS = 'the servers'

/**
 * One server at a time: with two brokers, the other has to have everything; and a broker that starts while ZooKeeper is
 * away may stay out of sync for good, which is not what is tested here. A member that is to lose its session needs the
 * servers too: while ZooKeeper is away nothing is taken from anybody.
 */
function resourcesOf({ kind, memberId }: Step): string[] {
  if (memberId === null) return [SERVERS]
  const member = `member ${memberId}`
  return TAKES_CLAIMS.has(kind) ? [member, SERVERS] : [member]
}
