import { GroupError, type ErrorDetails } from '../shared/errors.ts'

/** STACK_FAILED: the one error of this folder, its message a sentence that says what to do. */
export function stackError(message: string, details: ErrorDetails = {}, cause?: unknown): GroupError {
  return new GroupError('STACK_FAILED', message, { details, cause })
}
