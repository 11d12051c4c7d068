import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import {} from '#src/shared/memory/ring/ring-layout.js'
import { readRing } from '#src/shared/memory/ring/read-ring.js'
import type { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { settleFeed } from '#src/shared/memory/ring/settle-feed.js'

/** What a thread of a ring is given. */
export interface RingThread {
  readonly role: 'feeder' | number
  readonly buffer: SharedArrayBuffer
  readonly records: number
  /** Records that a seat has in hand at once. */
  readonly inHand: number
  readonly evidence: RingEvidence
}

/** Shared memory beside the ring, in which its threads write down what they do. */
export interface RingEvidence {
  /** Per record: how often it was taken. */
  readonly taken: Int32Array
  /** Per record: 1 before it is said to be finished, 2 afterwards. */
  readonly finished: Int32Array
  /** Per lane: the offset + 1 that was taken last. */
  readonly newest: Int32Array
}

export interface ThreadsReport {
  readonly waitsForRoom: number
  readonly sleeps: number
  readonly readings: number
}

const MAIN = new URL('ring-thread-main.js', import.meta.url)

/** Lanes of very different lengths, one of which rests for long. */
export function laneOfOffset(offset: number, lanes: number): number {
  if (lanes === 1) return 0
  return offset % 5000 === 0
    ? lanes - 1
    : Math.imul(offset, 0x9e3779b1) % 7 === 0
      ? 0
      : (offset * 31) % (lanes - 1)
}

/**
 * A feeder and all seats of `memory`, each in a thread, until every record is finished; the ring is read all the while. So many times the feeder is ended amid
 * what it does, and another one goes on.
 */
export async function runRingThreads(
  memory: RingMemory,
  records: number,
  inHand: number,
  feederDeaths = 0,
): Promise<ThreadsReport> {
  const evidence: RingEvidence = {
    taken: sharedInts(records),
    finished: sharedInts(records),
    newest: sharedInts(memory.shape.lanes),
  }
  const threads: Worker[] = []
  const start = (role: RingThread['role']): Worker => {
    const workerData: RingThread = { role, buffer: memory.buffer, records, inHand, evidence }
    const thread = new Worker(MAIN, { workerData })
    threads.push(thread)
    return thread
  }
  try {
    const seats = Array.from({ length: memory.shape.seats }, (_, seat) => waitsOf(start(seat)))
    const reports = Promise.all([feed(memory, records, feederDeaths, () => start('feeder')), ...seats])
    const readings = await readUntil(memory, evidence, reports)
    const [waitsForRoom, ...sleeps] = await reports
    return { waitsForRoom, sleeps: sleeps.reduce((sum, waits) => sum + waits), readings }
  } finally {
    await Promise.all(threads.map(thread => thread.terminate()))
  }
}

/** Resolves with how often the last feeder has waited for room. */
async function feed(
  memory: RingMemory,
  records: number,
  deaths: number,
  start: () => Worker,
): Promise<number> {
  for (let death = 1; death <= deaths; death++) {
    const feeder = start()
    while (memory.headOffset < (death * records) / (deaths + 1)) await nextTurn()
    await feeder.terminate()
    settleFeed(memory)
  }
  return waitsOf(start())
}

/** How often the thread has waited until it was done. */
async function waitsOf(thread: Worker): Promise<number> {
  const [report] = (await once(thread, 'message')) as [{ waits: number }]
  return report.waits
}

async function readUntil(
  memory: RingMemory,
  evidence: RingEvidence,
  done: Promise<unknown>,
): Promise<number> {
  const progress = { isOver: false }
  const over = (): void => {
    progress.isOver = true
  }
  done.then(over, over)
  const reader = new CheckingReader(memory, evidence)
  let readings = 0
  for (; !progress.isOver; readings++) {
    reader.check()
    await nextTurn()
  }
  await done
  reader.check()
  reader.expectAllFinished()
  return readings
}

/** Reads a ring at work and compares what it says with what its threads have written down. */
class CheckingReader {
  readonly #memory: RingMemory
  readonly #evidence: RingEvidence
  #frontiers: readonly number[]
  /** All below was said to be finished. */
  #floor = 0

  constructor(memory: RingMemory, evidence: RingEvidence) {
    this.#memory = memory
    this.#evidence = evidence
    this.#frontiers = new Array<number>(memory.shape.lanes).fill(0)
  }

  check(): void {
    const { finished } = this.#evidence
    const before = this.#finishedBefore()
    const { frontiers, inHand } = readRing(this.#memory)
    frontiers.forEach((frontier, lane) => {
      if (frontier < this.#frontiers[lane]!) throw new Error(`lane ${lane} went back to ${frontier}`)
    })
    this.#frontiers = frontiers
    const open = new Set(inHand.map(({ offset }) => offset))
    for (let offset = this.#floor; offset < Math.max(...frontiers); offset++) {
      const isSaid = offset < frontiers[this.#laneOf(offset)]! && !open.has(offset)
      if (isSaid && finished[offset] === 0) throw new Error(`${offset} is said to be finished`)
      if (!isSaid && before.has(offset)) throw new Error(`${offset} was finished, which is not said`)
    }
    const floor = Math.min(...frontiers, ...open)
    if (floor < this.#floor) throw new Error(`the floor went back from ${this.#floor} to ${floor}`)
    this.#floor = floor
  }

  expectAllFinished(): void {
    const { taken, finished } = this.#evidence
    if (this.#floor !== taken.length) throw new Error(`the floor is ${this.#floor} in the end`)
    taken.forEach((times, offset) => {
      if (times !== 1 || finished[offset] !== 2) throw new Error(`${offset} was taken ${times} times`)
    })
  }

  /** And published. */
  #finishedBefore(): Set<number> {
    const head = this.#memory.headOffset
    const offsets = new Set<number>()
    for (let offset = this.#floor; offset < head; offset++)
      if (Atomics.load(this.#evidence.finished, offset) === 2) offsets.add(offset)
    return offsets
  }

  #laneOf(offset: number): number {
    return laneOfOffset(offset, this.#memory.shape.lanes)
  }
}

function sharedInts(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT))
}
