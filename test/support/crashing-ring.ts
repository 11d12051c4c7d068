import type { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { amidAtomics, ATOMIC_STORES } from './atomic-steps.ts'

/** What a thread throws here in place of exiting. */
class Exit extends Error {}

/** Plain stores of the feeder go there; all its others are atomic. */
const PLAIN = ['offset', 'hash', 'position', 'lane', 'attempts', 'taker'] as const

/** A ring whose feeder exits before a given one of its stores. */
export class CrashingRing {
  /** For the feeder; all others use the memory itself. */
  readonly memory: RingMemory
  /** Stores that are left to it. */
  #left = Infinity

  constructor(memory: RingMemory) {
    const index = { ...memory.index }
    for (const name of PLAIN) Object.assign(index, { [name]: this.#counted(memory.index[name]) })
    this.memory = Object.create(memory, { index: { value: index } }) as RingMemory
  }

  /** From now on, calls of `exits` together. */
  exitAfter(stores: number): void {
    this.#left = stores
  }

  /** Runs what the feeder does. True if it has exited. */
  exits(work: () => void): boolean {
    try {
      amidAtomics(ATOMIC_STORES, work, () => this.#count())
      return false
    } catch (thrown) {
      if (thrown instanceof Exit) return true
      throw thrown
    }
  }

  #count(): void {
    if (this.#left === 0) throw new Exit('before this store')
    this.#left -= 1
  }

  #counted<Words extends object>(words: Words): Words {
    return new Proxy(words, {
      get: (target, name) => Reflect.get(target, name, target) as unknown,
      set: (target, name, value) => {
        this.#count()
        return Reflect.set(target, name, value, target)
      },
    })
  }
}
