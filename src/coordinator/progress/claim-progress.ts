import { isDeepStrictEqual } from 'node:util'
import { CarefulClaim } from './careful-claim.ts'
import { normally } from './open-claim.ts'
import { findKiller, type ProcessKiller } from './process-killer.ts'
import type { LanePositions, OpenClaim, Progress } from './progress.ts'

export interface ProgressRules {
  /** retry.attempts */
  readonly attempts: number
  /** See CarefulClaim. */
  readonly carefulForMs: number
}

/** How far its lanes are, and what lanes they are. */
export type WorkedLanes = Pick<Progress, 'ordering' | 'hash'> & LanePositions

/** How far one claim is: made of what was stored and of what its lanes tell, and compared with what is stored. */
export class ClaimProgress {
  /** What its lanes go on from. */
  readonly found: Progress
  readonly topicId: string | null
  /** Given up as this claim begins, because processes die of it. */
  readonly killer: ProcessKiller | null
  #careful: CarefulClaim | null
  #stored: Progress
  #worked: () => WorkedLanes

  /** `alive`: processes of the group that live. */
  constructor(stored: Progress, rules: ProgressRules, alive?: ReadonlySet<string>) {
    const { progress, killer } = findKiller(stored, rules.attempts, alive)
    this.#stored = stored
    this.found = progress
    this.#worked = () => progress
    this.topicId = stored.topicId
    this.killer = killer
    this.#careful = CarefulClaim.of(progress, rules.carefulForMs)
  }

  /** From now on these tell how far it is. */
  follow(worked: () => WorkedLanes): void {
    this.#worked = worked
  }

  /** Null once it is an ordinary claim. */
  get careful(): CarefulClaim | null {
    return this.#careful
  }

  /** It needs no care any more. */
  becomeOrdinary(): void {
    this.#careful = null
  }

  /** As it is now, of an open claim. */
  get now(): Progress {
    return this.#read(worked => this.#careful?.openAt(worked) ?? normally())
  }

  isStored(progress: Progress): boolean {
    return isDeepStrictEqual(progress, this.#stored)
  }

  wasStored(progress: Progress): void {
    this.#stored = progress
  }

  /**
   * What a release leaves behind: of a careful claim, that it is to be worked off carefully by whoever is next. Of one that
   * has stopped at a record, nothing: whoever ends it in good order has seen to that.
   */
  atRelease(hasStopped: boolean): Progress {
    const careful = hasStopped ? null : this.#careful
    careful?.rest()
    return this.#read(worked => careful?.openAt(worked) ?? null)
  }

  #read(open: (worked: WorkedLanes) => OpenClaim | null): Progress {
    const worked = this.#worked()
    return { topicId: this.topicId, ...worked, open: open(worked) }
  }
}
