/** What one thread does to the words of others, or of others it sees. */
export const ATOMIC_STORES = ['store', 'add', 'compareExchange', 'notify'] as const
export const ATOMIC_STEPS = ['load', ...ATOMIC_STORES] as const

/** Runs `work`, and `before` before each of its atomic operations of these names: so what another thread does falls between any two of them. */
export function amidAtomics<Result>(
  names: readonly (typeof ATOMIC_STEPS)[number][],
  work: () => Result,
  before: () => void,
): Result {
  const originals = names.map(
    name => [name, Reflect.get(Atomics, name) as (...given: unknown[]) => unknown] as const,
  )
  const restore = (): void => void Object.assign(Atomics, Object.fromEntries(originals))
  const patch = (): void => {
    for (const [name, original] of originals)
      Object.assign(Atomics, {
        [name]: (...given: unknown[]): unknown => {
          restore() // what `before` does itself is no step
          before()
          patch()
          return original(...given)
        },
      })
  }
  patch()
  try {
    return work()
  } finally {
    restore()
  }
}
