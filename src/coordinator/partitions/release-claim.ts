import { Backoff } from '../../shared/backoff.ts'
import { isGroupError, type ErrorCode } from '../../shared/errors.ts'
import type { Offset } from '../../shared/types.ts'
import type { Progress } from '../progress/progress.ts'
import type { Claim, GroupStorage } from '../storage/group-storage.ts'

const AGAIN = { initialMs: 50, maxMs: 500 }
/** What a release may be refused with while the claim lives. */
const MAY_PASS: ReadonlySet<string> = new Set<ErrorCode>(['ZOOKEEPER_DISCONNECTED', 'LEASE_OVER'])

export interface ClaimRelease {
  readonly claim: Claim
  /** Null stores nothing. */
  readonly offset: Offset | null
  readonly progress: Progress | undefined
}

/**
 * Stores the offset and gives the claim up. A storage that is away for a moment would cost the progress since the last
 * commit, so it is tried on until it works, the claim is void, or `giveUp` aborts. Rejects as GroupStorage.release does.
 */
export async function releaseClaim(
  storage: GroupStorage,
  { claim, offset, progress }: ClaimRelease,
  giveUp: AbortSignal,
): Promise<void> {
  const backoff = new Backoff(AGAIN)
  for (;;) {
    try {
      await storage.release(claim, offset, progress)
      return
    } catch (error) {
      if (giveUp.aborted || !isGroupError(error) || !MAY_PASS.has(error.code)) throw error
      await backoff.wait(giveUp).catch(() => {}) // cut: tried once more, and what that answers is thrown
    }
  }
}
