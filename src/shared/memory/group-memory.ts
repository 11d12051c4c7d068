/**
 * Shared memory of the group: one buffer, written by the coordinator only, read by every worker.
 *
 * | slot          | type  | readers | meaning                                                        | reset      |
 * | ------------- | ----- | ------- | -------------------------------------------------------------- | ---------- |
 * | GATE          | int32 | workers | generation × 8, + 1: the lease is over, + 2: the group stops, + 4: one lane runs alone | see below |
 * | LEASE_MONO_US | int64 | workers | monotonic microseconds until which claims are certainly valid  | on renewal |
 * | LEASE_WALL_MS | int64 | workers | the same by the wall clock, in milliseconds                    | on renewal |
 *
 * The generation counts the sessions whose claims became void. One word, so that a worker needs one load per record to
 * know that its claim is of the session that has the lease, that the lease is not over and that nobody stops: with a
 * flag for the lease alone, a worker inside a long record could miss that it was set and cleared again for a new session.
 *
 * One lane runs alone: only the one that was told so may take records. The coordinator sets the bit, then looks at what the
 * others have in hand; a worker says what it has in hand, then looks at the word. So whichever comes second sees the other:
 * the coordinator a record that was started before the bit, or the worker the bit before it starts one. As the worker's is
 * a plain load, it may come late by the time the cores take to agree: the coordinator's look begins a timer's turn later.
 */
const GATE = 0
const LEASE_OVER = 1
const STOP = 2
const ALONE = 4
const GENERATION = 8
const LEASE_MONO_US = 1 // in 64-bit words
const LEASE_WALL_MS = 2
const BYTES = 64

/** A lease: claims are certainly valid while both clocks are below. */
export interface Lease {
  readonly monoMs: number
  readonly wallMs: number
}

export class GroupMemory {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #longs: BigInt64Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#longs = new BigInt64Array(buffer)
  }

  /** Coordinator: the lease now lasts until `lease`. */
  renewLease(lease: Lease): void {
    // Deadlines first, then the flag: a worker that sees the flag cleared must not read the old deadline as the new one.
    Atomics.store(this.#longs, LEASE_MONO_US, BigInt(Math.floor(lease.monoMs * 1000)))
    Atomics.store(this.#longs, LEASE_WALL_MS, BigInt(Math.floor(lease.wallMs)))
    this.#setGate(this.#gate & ~LEASE_OVER)
  }

  /** Coordinator: no claim is certainly valid at the moment. */
  endLease(): void {
    this.#end(this.#gate | LEASE_OVER)
  }

  /** Coordinator: the claims made so far are void for ever, also once a new session has a lease. */
  voidClaims(): void {
    this.#end((this.#gate + GENERATION) | LEASE_OVER)
  }

  /** Coordinator: workers take no further record. */
  requestStop(): void {
    this.#setGate(this.#gate | STOP)
  }

  get stopRequested(): boolean {
    return (this.#gate & STOP) !== 0
  }

  /** Coordinator: what claims made now belong to. */
  get generation(): number {
    return Math.floor(this.#gate / GENERATION)
  }

  /** Coordinator: from now on only the lane that is told so takes records, or every one again. */
  setOneAlone(isOneAlone: boolean): void {
    this.#setGate(isOneAlone ? this.#gate | ALONE : this.#gate & ~ALONE)
  }

  /** No lane but one may take records. */
  get isOneAlone(): boolean {
    return (this.#gate & ALONE) !== 0
  }

  /**
   * Worker, before every record: one plain load. It may be older than the newest store by the time the cores take to
   * agree, never older than the last call into the handler, which no compiler moves it across. `isAlone`: of the lane that
   * is told to run alone, which may start while no other lane may, and not otherwise.
   */
  mayStart(generation: number, isAlone = false): boolean {
    return this.#words[GATE] === generation * GENERATION + (isAlone ? ALONE : 0)
  }

  /** Worker: claims of this generation are void, now and later. */
  isVoid(generation: number): boolean {
    return this.generation !== generation
  }

  /** Worker: whatever the claim, no record may be started. */
  get mustNotStart(): boolean {
    return (this.#gate & (STOP | LEASE_OVER)) !== 0
  }

  /**
   * Worker: until when claims are certainly valid. May be kept for a while by whoever checks `mustNotStart`, too: a
   * deadline only ever moves on, except when the lease ends, and that sets the flag first.
   */
  readLease(): Lease {
    return {
      monoMs: Number(Atomics.load(this.#longs, LEASE_MONO_US)) / 1000,
      wallMs: Number(Atomics.load(this.#longs, LEASE_WALL_MS)),
    }
  }

  /** Worker, with clock readings: true while claims are certainly valid. */
  leaseHolds(monoMs: number, wallMs: number): boolean {
    const lease = this.readLease()
    return monoMs < lease.monoMs && wallMs < lease.wallMs
  }

  get #gate(): number {
    return Atomics.load(this.#words, GATE)
  }

  #setGate(gate: number): void {
    Atomics.store(this.#words, GATE, gate)
  }

  #end(gate: number): void {
    this.#setGate(gate) // before the deadlines: it is the word that workers look at before every record
    Atomics.store(this.#longs, LEASE_MONO_US, 0n)
    Atomics.store(this.#longs, LEASE_WALL_MS, 0n)
  }
}
