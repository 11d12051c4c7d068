/** How far back a rate looks: long enough to be readable, short enough to show a change. */
const WINDOW_MS = 5_000

interface Sample {
  readonly atMs: number
  readonly handled: number
}

/** Records per second over the last few seconds, from readings of a counter that only grows. */
export class Throughput {
  readonly #samples: Sample[] = []

  /** Takes a reading and gives the rate up to now; 0 for the first. */
  add(handled: number, atMs: number): number {
    this.#samples.push({ atMs, handled })
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= atMs - WINDOW_MS) this.#samples.shift()
    const oldest = this.#samples[0]!
    return atMs === oldest.atMs ? 0 : ((handled - oldest.handled) * 1_000) / (atMs - oldest.atMs)
  }
}
