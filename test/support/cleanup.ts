import { toError } from '#src/shared/errors.js'

type Cleanup = () => unknown

/** A test context, or `{ after }` of node:test in the body of a suite. Inside a `before` hook that one ends with the hook. */
export interface Owner {
  after(hook: () => Promise<void>): void
}

const cleanups = new WeakMap<Owner, Cleanup[]>()

/**
 * Runs `cleanup` when the test (or suite) is over, in reverse order of registration: what was started on top of
 * something else stops first. node:test itself runs its hooks in order of registration.
 */
export function atEnd(owner: Owner, cleanup: Cleanup): void {
  const known = cleanups.get(owner)
  if (known !== undefined) {
    known.push(cleanup)
    return
  }
  const registered = [cleanup]
  cleanups.set(owner, registered)
  owner.after(() => runAll(registered))
}

/** All of them, also after one failed. */
async function runAll(registered: Cleanup[]): Promise<void> {
  const failures: Error[] = []
  for (let cleanup = registered.pop(); cleanup !== undefined; cleanup = registered.pop()) {
    try {
      await cleanup()
    } catch (error) {
      failures.push(toError(error))
    }
  }
  if (failures.length === 1) throw failures[0]!
  if (failures.length > 1) throw new AggregateError(failures, 'several cleanups failed')
}
