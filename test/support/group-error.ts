import assert from 'node:assert/strict'
import { isGroupError, type ErrorCode, type GroupError } from '#src/shared/errors.js'

/** What the promise rejects with; fails unless it is a GroupError of this code. */
export async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<GroupError> {
  const outcome = await promise.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  )
  if (!('error' in outcome)) assert.fail(`expected ${code}, but it resolved`)
  return groupError(outcome.error, code)
}

/** What the function throws; fails unless it is a GroupError of this code. */
export function thrown(work: () => unknown, code: ErrorCode): GroupError {
  try {
    work()
  } catch (error) {
    return groupError(error, code)
  }
  assert.fail(`expected ${code}, but nothing was thrown`)
}

function groupError(error: unknown, code: ErrorCode): GroupError {
  if (isGroupError(error, code)) return error
  assert.fail(`expected ${code}, but got ${error instanceof Error ? error.stack : String(error)}`)
}
