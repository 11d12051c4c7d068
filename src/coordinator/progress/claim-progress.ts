import { isDeepStrictEqual } from 'node:util'
import { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { Offset } from '../../shared/types.ts'
import { CarefulClaim } from './careful-claim.ts'
import { normally } from './open-claim.ts'
import { findKiller, type ProcessKiller } from './process-killer.ts'
import { committableOf, progressAt, type OpenClaim, type Progress } from './progress.ts'

export interface ProgressRules {
  /** retry.attempts */
  readonly attempts: number
  /** Records that a lane may have in hand at once. */
  readonly maxInHand: number
  /** See CarefulClaim. */
  readonly carefulForMs: number
}

/** How far one claim is: made of what was stored and of its lane's memory, and compared with what is stored. */
export class ClaimProgress {
  readonly memory: LaneMemory
  readonly topicId: string | null
  /** Given up as this claim begins, because processes die of it. */
  readonly killer: ProcessKiller | null
  #careful: CarefulClaim | null
  #stored: Progress

  /** `alive`: processes of the group that live. */
  constructor(start: Offset, stored: Progress, rules: ProgressRules, alive?: ReadonlySet<string>) {
    const { progress, killer } = findKiller(stored, rules.attempts, alive)
    this.#stored = stored
    this.topicId = stored.topicId
    this.killer = killer
    this.#careful = CarefulClaim.of(progress.open ?? normally(), rules.carefulForMs)
    // One of an earlier offset than the committed one tells nothing of what lies between.
    const remainder = committableOf(progress) < start ? null : remainderOf(progress)
    this.memory = LaneMemory.create(start, rules.maxInHand, remainder)
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
    return this.#read(committable => this.#careful?.openAt(committable) ?? normally())
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
    return this.#read(committable => careful?.openAt(committable) ?? null)
  }

  #read(open: (committable: Offset) => OpenClaim | null): Progress {
    // The remainder first: where an attempt fails after that, the floor says as much, without the attempt.
    const { remainder } = this.memory
    const progress = progressAt(remainder?.frontier ?? this.memory.floor, this.topicId)
    const whole = { ...progress, inHand: remainder?.inHand ?? [] }
    return { ...whole, open: open(committableOf(whole)) }
  }
}

function remainderOf({ frontiers, inHand }: Progress): Parameters<typeof LaneMemory.create>[2] {
  return { frontier: frontiers[0]!, inHand }
}
