import { Backoff } from '../../../shared/backoff.ts'
import { GroupError } from '../../../shared/errors.ts'
import type { Announcement } from '../../../shared/protocol.ts'
import type { CarefulClaim } from '../../progress/careful-claim.ts'
import type { ClaimProgress } from '../../progress/claim-progress.ts'
import { isRefusal, isVoid } from '../release-claim.ts'

const AGAIN = { initialMs: 50, maxMs: 500 }
/** For the thread to say by itself that a record hangs: it knows it to the millisecond. One that is blocked says nothing. */
const THREAD_GRACE_MS = 1_000

export interface CarefulLaneHost {
  /** Stores what has changed. */
  commit(): Promise<unknown>
  runAlone(): Promise<boolean>
  noLongerAlone(): void
  readonly givenUp: AbortSignal
}

interface Announcing {
  readonly careful: CarefulClaim
  readonly announcement: Announcement
}

/** The lane of a careful claim, or its ring: stores what it announces, and answers once that is stored. */
export class CarefulLane {
  readonly #progress: ClaimProgress
  readonly #host: CarefulLaneHost
  readonly #isOfRing: boolean
  /** Counts what was announced, and what ended it: an answer that comes after another is of no use. */
  #turn = 0
  #isAlone = false
  /** Ends it. */
  #patience: NodeJS.Timeout | undefined

  /** `isOfRing`: others wait for a record that runs alone no longer than CarefulStart says. */
  constructor(progress: ClaimProgress, host: CarefulLaneHost, isOfRing = false) {
    this.#progress = progress
    this.#host = host
    this.#isOfRing = isOfRing
  }

  /** As CoordinatorApi.announce. */
  async announce(announcement: Announcement): Promise<boolean> {
    const { careful } = this.#progress
    if (careful === null) return true
    const turn = (this.#turn += 1)
    if (this.#isAlone) await this.#storeNotAlone() // it has said so, and that was still being stored
    this.#throwIfPassed(turn)
    const isOver = careful.ran(announcement, this.#progress.now)
    if (isOver) this.#progress.becomeOrdinary()
    await this.#store(turn, isOver ? null : { careful, announcement })
    if (this.#isAlone && this.#isOfRing) this.#limit(careful.start.aloneForMs + THREAD_GRACE_MS)
    return isOver
  }

  /** As CoordinatorApi.aloneOver. Stored at once: a process that dies of something else later must not be laid to this record. */
  async aloneOver(runsOn: boolean): Promise<void> {
    if (runsOn) this.#progress.careful?.goesOn()
    else this.rest()
    await this.#storeNotAlone()
  }

  /** It begins nothing any more, but what runs does so on. Never rejects. */
  async runsOut(): Promise<void> {
    this.#turn += 1
    await this.aloneOver(true)
  }

  /** Nothing of it runs: what was announced is over. */
  rest(): void {
    this.#turn += 1
    this.#progress.careful?.rest()
    this.#endAlone()
  }

  async #storeNotAlone(): Promise<void> {
    const turn = this.#turn
    await this.#host.commit().catch(() => {}) // what comes next is stored before it runs, or else nothing runs
    // Only now: what others run must find it stored that it is not alone.
    if (turn === this.#turn && this.#isAlone) this.#endAlone()
  }

  #endAlone(): void {
    this.#isAlone = false
    clearTimeout(this.#patience)
    this.#host.noLongerAlone()
  }

  #limit(ms: number): void {
    const turn = this.#turn
    this.#patience = setTimeout(() => {
      if (turn === this.#turn) void this.aloneOver(true)
    }, ms)
  }

  async #announce({ careful, announcement }: Announcing, turn: number): Promise<void> {
    const { from, to, isAlone } = announcement
    if (isAlone && this.#isAlone) return
    this.#isAlone = isAlone
    const hasOthers = isAlone && !(await this.#host.runAlone())
    this.#throwIfPassed(turn) // it may have been drained while others were waited for
    careful.announced({ from, to, isAlone: isAlone && !hasOthers })
  }

  /** However long the storage is away: nothing may run before. */
  async #store(turn: number, announcing: Announcing | null): Promise<void> {
    const backoff = new Backoff(AGAIN)
    for (;;) {
      this.#throwIfPassed(turn)
      if (announcing !== null) await this.#announce(announcing, turn)
      try {
        await this.#host.commit()
        this.#throwIfPassed(turn) // drained meanwhile: what was stored is not what runs
        return
      } catch (error) {
        if (isVoid(error)) throw error
        if (announcing !== null && this.#isAlone && isRefusal(error)) this.#giveWay(announcing)
      }
      await backoff.wait(this.#host.givenUp).catch(() => {}) // cut: found at the top
    }
  }

  /** The storage may refuse it for as long as nobody sees to that: until it is tried again the others go on. */
  #giveWay({ careful, announcement: { from, to } }: Announcing): void {
    careful.announced({ from, to, isAlone: false }) // first: it may be stored by others while they run
    this.#endAlone()
  }

  #throwIfPassed(turn: number): void {
    if (turn !== this.#turn || this.#host.givenUp.aborted)
      throw new GroupError('NOT_RUNNING', 'the lane is being ended: nothing of it may run')
  }
}
