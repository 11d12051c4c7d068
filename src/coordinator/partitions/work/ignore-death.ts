import { isGroupError } from '../../../shared/errors.ts'

/** A thread that died has no lane any more: what was asked of it is done. */
export async function ignoreDeath(call: Promise<void>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isGroupError(error, 'WORKER_DIED')) throw error
  }
}
