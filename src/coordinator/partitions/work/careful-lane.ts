import { Backoff } from '../../../shared/backoff.ts'
import { GroupError } from '../../../shared/errors.ts'
import type { Announcement } from '../../../shared/protocol.ts'
import type { CarefulClaim } from '../../progress/careful-claim.ts'
import type { ClaimProgress } from '../../progress/claim-progress.ts'
import { isVoid } from '../release-claim.ts'

const AGAIN = { initialMs: 50, maxMs: 500 }

export interface CarefulLaneHost {
  /** Stores what has changed. */
  commit(): Promise<unknown>
  runAlone(): Promise<boolean>
  noLongerAlone(): void
  readonly givenUp: AbortSignal
}

/** The lane of a careful claim: stores what it announces, and answers once that is stored. */
export class CarefulLane {
  readonly #progress: ClaimProgress
  readonly #host: CarefulLaneHost
  /** Counts what was announced, and what ended it: an answer that comes after another is of no use. */
  #turn = 0

  constructor(progress: ClaimProgress, host: CarefulLaneHost) {
    this.#progress = progress
    this.#host = host
  }

  /** As CoordinatorApi.announce. */
  async announce({ from, to, isAlone, ranMs }: Announcement): Promise<boolean> {
    const { careful } = this.#progress
    if (careful === null) return true
    const turn = (this.#turn += 1)
    const isOver = careful.ran(ranMs, from, this.#progress.now)
    if (isOver) this.#progress.becomeOrdinary()
    else await this.#announce(careful, { from, to, isAlone }, turn)
    await this.#commit(turn)
    return isOver
  }

  /** As CoordinatorApi.aloneOver. Stored at once: a process that dies of something else later must not be laid to this record. */
  async aloneOver(): Promise<void> {
    this.rest()
    await this.#host.commit().catch(() => {}) // what comes next is stored before it runs, or else nothing runs
  }

  /** Nothing of it runs: what was announced is over. */
  rest(): void {
    this.#turn += 1
    this.#progress.careful?.rest()
    this.#host.noLongerAlone()
  }

  async #announce(
    careful: CarefulClaim,
    { from, to, isAlone }: Omit<Announcement, 'ranMs'>,
    turn: number,
  ): Promise<void> {
    const hasOthers = isAlone && !(await this.#host.runAlone())
    this.#throwIfPassed(turn) // it may have been drained while others were waited for
    careful.announced({ from, to, isAlone: isAlone && !hasOthers })
  }

  /** However long the storage is away: nothing may run before. */
  async #commit(turn: number): Promise<void> {
    const backoff = new Backoff(AGAIN)
    for (;;) {
      this.#throwIfPassed(turn)
      try {
        await this.#host.commit()
        this.#throwIfPassed(turn) // drained meanwhile: what was stored is not what runs
        return
      } catch (error) {
        if (isVoid(error)) throw error
      }
      await backoff.wait(this.#host.givenUp).catch(() => {}) // cut: found at the top
    }
  }

  #throwIfPassed(turn: number): void {
    if (turn !== this.#turn || this.#host.givenUp.aborted)
      throw new GroupError('NOT_RUNNING', 'the lane is being ended: nothing of it may run')
  }
}
