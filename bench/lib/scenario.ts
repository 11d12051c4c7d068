import type { RunningStack } from '#src/stack/start-stack.js'

export interface BenchContext {
  readonly stack: RunningStack
  readonly rounds: number
  readonly say: (text: string) => void
}

/** One figure beside the one it is measured against. */
export interface Figure {
  readonly scenario: string
  readonly ours: string
  readonly reference: string
  readonly ratio: number
  /** What the ratio has to be at least (`min`) or at most (`max`). */
  readonly bound: { readonly min: number } | { readonly max: number }
}

export type Scenario = (context: BenchContext) => Promise<readonly Figure[]>
