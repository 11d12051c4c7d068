import { isGroupError, type GroupError } from '#src/shared/errors.js'
import type { OptionProblem } from '#src/options/problems.js'
import { resolveOptions } from '#src/options/resolve.js'

/** What the resolver finds wrong with these options. */
export function optionProblems(given: unknown): OptionProblem[] {
  return [...(refusal(given).details['problems'] as readonly OptionProblem[])]
}

/** The message of the one error for these options. */
export function optionMessage(given: unknown): string {
  return refusal(given).message
}

function refusal(given: unknown): GroupError {
  try {
    resolveOptions(given as never)
  } catch (error) {
    if (isGroupError(error, 'CONFIG_INVALID')) return error
    throw error
  }
  throw new Error('these options were accepted')
}
