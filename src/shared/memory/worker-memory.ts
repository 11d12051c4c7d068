/**
 * Shared memory of one worker thread: one buffer per thread, written by that thread only, read by the coordinator.
 *
 * | slot             | type  | meaning                                                             | reset               |
 * | ---------------- | ----- | ------------------------------------------------------------------- | ------------------- |
 * | LOOP_TURNS       | int32 | turns of the record loop, modulo 2^32                               | never               |
 * | RUNNING          | int32 | 1 while a sync slice or an async handler runs                       | when nothing runs   |
 * | LOOP_DELAY_US    | int32 | how long the thread's event loop last took for one turn             | every turn          |
 * | BUSY_US          | int64 | microseconds spent in slices and async handlers' sync parts         | never               |
 * | RUNNING_SINCE_US | int64 | monotonic microseconds at which the record in hand was last seen    | with RUNNING        |
 */
const LOOP_TURNS = 0
const RUNNING = 1
const LOOP_DELAY_US = 2
const BUSY_US = 2 // in 64-bit words
const RUNNING_SINCE_US = 3
const BYTES = 128

export interface WorkerReading {
  readonly loopTurns: number
  readonly running: boolean
  readonly loopDelayMs: number
  readonly busyMs: number
  readonly runningSinceMs: number
}

export class WorkerMemory {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #longs: BigInt64Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#longs = new BigInt64Array(buffer)
  }

  /** Worker: a slice or handler starts. */
  enter(monoMs: number): void {
    // Since before running: a reader that sees running must not pair it with the slice before.
    Atomics.store(this.#longs, RUNNING_SINCE_US, BigInt(Math.floor(monoMs * 1000)))
    Atomics.store(this.#words, RUNNING, 1)
  }

  /** Worker: it ended, having used `busyMs`. */
  leave(busyMs: number): void {
    Atomics.store(this.#words, RUNNING, 0)
    Atomics.store(
      this.#longs,
      BUSY_US,
      Atomics.load(this.#longs, BUSY_US) + BigInt(Math.round(busyMs * 1000)),
    )
  }

  /** Worker: the loop had a turn that took `delayMs`. */
  turned(delayMs: number): void {
    Atomics.store(this.#words, LOOP_TURNS, (this.#words[LOOP_TURNS]! + 1) | 0)
    Atomics.store(this.#words, LOOP_DELAY_US, Math.min(delayMs * 1000, 0x7fffffff) | 0)
  }

  read(): WorkerReading {
    return {
      loopTurns: Atomics.load(this.#words, LOOP_TURNS) >>> 0,
      running: Atomics.load(this.#words, RUNNING) === 1,
      loopDelayMs: Atomics.load(this.#words, LOOP_DELAY_US) / 1000,
      busyMs: Number(Atomics.load(this.#longs, BUSY_US)) / 1000,
      runningSinceMs: Number(Atomics.load(this.#longs, RUNNING_SINCE_US)) / 1000,
    }
  }
}
