import type { Lease } from '../../../shared/memory/group-memory.ts'
import { isOver, leaseFrom, remainingMs, renewal, systemClock, type Clock, type Instant } from './lease.ts'

export interface LeaseListener {
  leaseRenewed(lease: Lease): void
  leaseOver(): void
}

/**
 * Turns answered quorum writes into leases and tells, by a timer of its own, when the lease has run out without a
 * renewal. While held, writes are remembered but renew nothing: after a reconnect claims must be verified first.
 */
export class LeaseKeeper {
  readonly #listener: LeaseListener
  readonly #clock: Clock
  #current: Lease | null = null
  #heldBack: Lease | null = null
  #held = true
  #timer: NodeJS.Timeout | undefined

  constructor(listener: LeaseListener, clock: Clock = systemClock) {
    this.#listener = listener
    this.#clock = clock
  }

  /** True while claims are certainly valid: asks the clocks, because the timer may not have had its turn yet. */
  get holds(): boolean {
    return this.#current !== null && !isOver(this.#current, this.#clock())
  }

  /** A quorum write that was sent at `sent` has succeeded. */
  written(sent: Instant, sessionTimeoutMs: number): void {
    const candidate = leaseFrom(sent, sessionTimeoutMs)
    if (!this.#held) this.#renew(candidate)
    else if (this.#heldBack === null || candidate.monoMs > this.#heldBack.monoMs) this.#heldBack = candidate
  }

  /** Renews nothing until `resume`. What is valid now stays so until its end. */
  hold(): void {
    this.#held = true
    this.#heldBack = null
  }

  /** Renews again, beginning with the newest write since `hold`. */
  resume(): void {
    this.#held = false
    const candidate = this.#heldBack
    this.#heldBack = null
    if (candidate !== null) this.#renew(candidate)
  }

  /** Ends the lease now and renews nothing until `resume`. */
  end(): void {
    this.hold()
    this.#over()
  }

  #renew(candidate: Lease): void {
    const now = this.#clock()
    // A thawed process reads its socket before its timers run: the lease may be over without anybody having said so.
    if (this.#current !== null && isOver(this.#current, now)) this.#over()
    const renewed = renewal(this.#current, candidate, now)
    if (renewed === null) return
    this.#current = renewed
    this.#schedule(remainingMs(renewed, now))
    this.#listener.leaseRenewed(renewed)
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.ceil(delayMs))
  }

  #look(): void {
    if (this.#current === null) return
    const now = this.#clock()
    if (isOver(this.#current, now)) this.#over()
    else this.#schedule(remainingMs(this.#current, now)) // timers may fire a fraction of a millisecond early
  }

  #over(): void {
    clearTimeout(this.#timer)
    if (this.#current === null) return
    this.#current = null
    this.#listener.leaseOver()
  }
}
