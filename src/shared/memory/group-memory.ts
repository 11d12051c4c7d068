/**
 * Shared memory of the group: one buffer, written by the coordinator only, read by every worker.
 *
 * | slot          | type  | readers | meaning                                                        | reset      |
 * | ------------- | ----- | ------- | -------------------------------------------------------------- | ---------- |
 * | STOP          | int32 | workers | 1: take no further record, whatever else is said               | never      |
 * | LEASE_OVER    | int32 | workers | 1: the coordinator saw the lease run out                       | on renewal |
 * | LEASE_MONO_US | int64 | workers | monotonic microseconds until which claims are certainly valid  | on renewal |
 * | LEASE_WALL_MS | int64 | workers | the same by the wall clock, in milliseconds                    | on renewal |
 */
const STOP = 0
const LEASE_OVER = 1
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
    Atomics.store(this.#words, LEASE_OVER, 0)
  }

  /** Coordinator: no claim is certainly valid any more. */
  endLease(): void {
    // Flag first: it is the word that workers look at before every record.
    Atomics.store(this.#words, LEASE_OVER, 1)
    Atomics.store(this.#longs, LEASE_MONO_US, 0n)
    Atomics.store(this.#longs, LEASE_WALL_MS, 0n)
  }

  /** Coordinator: workers take no further record. */
  requestStop(): void {
    Atomics.store(this.#words, STOP, 1)
  }

  get stopRequested(): boolean {
    return Atomics.load(this.#words, STOP) === 1
  }

  /**
   * Worker, before every record: two plain loads. A plain load may be older than the newest store by the time the
   * cores take to agree, never older than the last call into the handler, which no compiler moves it across.
   */
  get mustNotStart(): boolean {
    return (this.#words[STOP]! | this.#words[LEASE_OVER]!) !== 0
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
}
