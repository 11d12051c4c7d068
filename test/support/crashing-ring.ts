import type { RingMemory } from '#src/shared/memory/ring/ring-memory.js'

/** What a thread throws here in place of exiting. */
export class Exit extends Error {}

/** Plain stores of the feeder go there; all its others are atomic. */
const PLAIN = ['offset', 'hash', 'position', 'lane', 'attempts', 'taker'] as const
const ATOMIC = ['store', 'add', 'compareExchange', 'notify'] as const
const { store, add, compareExchange, notify } = Atomics
const ORIGINALS = { store, add, compareExchange, notify }

/** A ring whose feeder exits before a given one of its stores. One at a time: it counts those of the whole process. */
export class CrashingRing {
  /** For the feeder; all others use the memory itself. */
  readonly memory: RingMemory
  #left = Infinity

  constructor(memory: RingMemory) {
    const index = { ...memory.index }
    for (const name of PLAIN) Object.assign(index, { [name]: this.#counted(memory.index[name]) })
    this.memory = Object.create(memory, { index: { value: index } }) as RingMemory
    for (const name of ATOMIC) this.#count(name)
  }

  /** Runs what the feeder does. True if it has exited before its store number `exitBefore`, from 0; else that many fewer are left to the next call. */
  exits(exitBefore: number, work: () => void): { readonly hasExited: boolean; readonly left: number } {
    this.#left = exitBefore
    try {
      work()
      return { hasExited: false, left: this.#left }
    } catch (thrown) {
      if (thrown instanceof Exit) return { hasExited: true, left: 0 }
      throw thrown
    } finally {
      this.#left = Infinity
    }
  }

  stop(): void {
    Object.assign(Atomics, ORIGINALS)
  }

  #pass(): void {
    if (this.#left === 0) throw new Exit('before this store')
    this.#left -= 1
  }

  #counted<Words extends object>(words: Words): Words {
    return new Proxy(words, {
      get: (target, name) => Reflect.get(target, name, target) as unknown,
      set: (target, name, value) => {
        this.#pass()
        return Reflect.set(target, name, value, target)
      },
    })
  }

  #count(name: (typeof ATOMIC)[number]): void {
    const original = ORIGINALS[name] as (...given: unknown[]) => unknown
    const counted = (...given: unknown[]): unknown => {
      this.#pass()
      return original(...given)
    }
    Object.assign(Atomics, { [name]: counted })
  }
}
