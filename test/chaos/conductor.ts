import { setTimeout as sleep } from 'node:timers/promises'
import { toError } from '#src/shared/errors.js'
import { actOf, type FaultField } from './faults.ts'
import type { Fault } from './history.ts'
import type { Schedule, Step } from './schedule.ts'

export interface ConductorOptions {
  readonly schedule: Pick<Schedule, 'next'>
  readonly field: FaultField
  readonly lastsMs: number
  readonly onProgress: (text: string) => void
}

/**
 * Carries out the faults of a schedule in its order. They overlap, except those that need the same thing: a member or a
 * server is hurt in one way at a time, and the next step waits for it, so that each hits what it was drawn for.
 */
export class Conductor {
  readonly faults: Fault[] = []
  readonly steps: Step[] = []
  readonly #options: ConductorOptions
  /** By name of what is being hurt: settles when it is healed. */
  readonly #hurting = new Map<string, Promise<void>>()
  #broken: Error | null = null

  constructor(options: ConductorOptions) {
    this.#options = options
  }

  /** Resolves when the time is over and everything is healed. Rejects if a server could not be healed. */
  async run(): Promise<void> {
    const { schedule, lastsMs } = this.#options
    const endMs = performance.now() + lastsMs
    let dueMs = performance.now()
    for (;;) {
      const step = schedule.next()
      dueMs = Math.max(dueMs, performance.now() - step.afterMs) + step.afterMs
      if (dueMs >= endMs) break
      await sleep(dueMs - performance.now())
      await this.#hurting.get(resourceOf(step))
      if (this.#broken !== null || performance.now() >= endMs) break
      this.#hurt(step)
    }
    await Promise.all(this.#hurting.values())
    if (this.#broken !== null) throw this.#broken
  }

  #hurt(step: Step): void {
    const resource = resourceOf(step)
    this.steps.push(step)
    this.#hurting.set(
      resource,
      this.#carryOut(step).catch((error: unknown) => {
        this.#broken ??= toError(error)
      }),
    )
  }

  async #carryOut(step: Step): Promise<void> {
    const { field, onProgress } = this.#options
    const act = actOf(step, field)
    const fromMs = Date.now()
    onProgress(`${step.number} ${step.kind} ${act.target}`)
    let toMs: number | null = null
    const evidence = await act.run(() => {
      toMs = Date.now()
    })
    this.faults.push({ step: step.number, kind: step.kind, target: act.target, fromMs, toMs, evidence })
    onProgress(`${step.number} ${step.kind} ${act.target}: over; ${evidence ?? 'nothing was seen of it'}`)
  }
}

/**
 * One server at a time: with two brokers, the other has to have everything; and a broker that starts while ZooKeeper is
 * away may stay out of sync for good, which is not what is tested here.
 */
function resourceOf({ memberId }: Step): string {
  return memberId === null ? 'the servers' : `member ${memberId}`
}
