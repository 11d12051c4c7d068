/**
 * A word on which threads sleep without a timer and without parking their event loops. Whoever rings has made visible before what there is
 * to see; who waits says which count it has seen, so a ring between its last look and its wait is not missed.
 */
export function ring(words: Int32Array, index: number): void {
  Atomics.add(words, index, 1)
  Atomics.notify(words, index)
}

export function bellCount(words: Int32Array, index: number): number {
  return Atomics.load(words, index)
}

/** Resolves once the bell has been rung after `seen` was its count. */
export async function waitForBell(words: Int32Array, index: number, seen: number): Promise<void> {
  const waiting = Atomics.waitAsync(words, index, seen)
  if (waiting.async) await waiting.value
}
