import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { toError } from '#src/shared/errors.js'
import type { Owner } from './cleanup.ts'

/** What one measurement belongs to: its servers, members and files end with it. */
export interface Measurement extends Owner {
  readonly name: string
  diagnostic(text: string): void
}

const MEASUREMENTS = 3

/**
 * Bounds of time, on a machine that others use at the same moment: a measurement that misses them is made again, and they
 * count as missed when every one misses. Whatever else is wrong rejects at once. `measure` answers with what it missed.
 */
export async function assertBounds(
  t: TestContext,
  measure: (of: Measurement) => Promise<readonly string[]>,
): Promise<void> {
  const missed: string[] = []
  for (let number = 1; number <= MEASUREMENTS; number += 1) {
    const misses = await withOwner(t, measure)
    if (misses.length === 0) return
    missed.push(`measurement ${number}: ${misses.join('; ')}`)
    t.diagnostic(`missed in ${missed.at(-1)}`)
  }
  assert.fail(missed.join('\n'))
}

async function withOwner<T>(t: TestContext, work: (of: Measurement) => Promise<T>): Promise<T> {
  const hooks: (() => Promise<void>)[] = []
  const owner = {
    name: t.name,
    diagnostic: (text: string) => t.diagnostic(text),
    after: (hook: () => Promise<void>) => void hooks.push(hook),
  }
  try {
    return await work(owner)
  } finally {
    await runAll(hooks)
  }
}

async function runAll(hooks: readonly (() => Promise<void>)[]): Promise<void> {
  const results = await Promise.allSettled(hooks.map(hook => hook()))
  const failed = results.find(result => result.status === 'rejected')
  if (failed !== undefined) throw toError(failed.reason)
}

/** Empty if the value is below the bound; else the miss in words. */
export function unlessBelow(what: string, value: number, bound: number): readonly string[] {
  return value < bound ? [] : [`${what}: ${value.toFixed(1)}, to be below ${bound}`]
}
