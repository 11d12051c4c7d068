import { Backoff } from '../../shared/backoff.ts'
import { isGroupError } from '../../shared/errors.ts'
import { negotiate } from '../assignment/negotiate.ts'
import type { GroupStorage } from '../storage/group-storage.ts'

const AGAIN = { initialMs: 50, maxMs: 1000 }

/**
 * Rejects with MIXED_GROUP_UNSUPPORTED if the group has members of the original and classic consumers: whoever starts
 * stays out of it. A storage that is away for a moment is waited for, until `signal` aborts; SESSION_EXPIRED is not.
 */
export async function refuseMixedGroup(
  storage: Pick<GroupStorage, 'readMembers'>,
  idsPath: string,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff(AGAIN)
  for (;;) {
    try {
      const { members } = await storage.readMembers()
      const mixed = negotiate(members, [], idsPath).troubles.find(
        ({ code }) => code === 'MIXED_GROUP_UNSUPPORTED',
      )
      if (mixed !== undefined) throw mixed
      return
    } catch (error) {
      if (!isGroupError(error) || !error.retryable || error.code === 'SESSION_EXPIRED') throw error
      await backoff.wait(signal)
    }
  }
}
