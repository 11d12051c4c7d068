import { showValue, type OptionProblem } from './problems.ts'
import type { RunGroupOptions } from './types.ts'

/** What must hold between options, with its reason. It runs only if the options it reads are valid by themselves. */
export interface Rule {
  readonly reads: readonly string[]
  readonly check: (given: RunGroupOptions) => readonly OptionProblem[]
}

export function problem(path: string, value: unknown, expected: string): OptionProblem {
  return { path, given: showValue(path, value), expected }
}
