import { Backoff } from '../../shared/backoff.ts'
import { isGroupError, type ErrorCode } from '../../shared/errors.ts'
import type { Offset } from '../../shared/types.ts'
import type { Progress } from '../progress/progress.ts'
import type { Claim, GroupStorage } from '../storage/group-storage.ts'

const AGAIN = { initialMs: 50, maxMs: 500 }
/** What a release may be refused with while the claim lives. */
const MAY_PASS: ReadonlySet<string> = new Set<ErrorCode>(['ZOOKEEPER_DISCONNECTED', 'LEASE_OVER'])
/** The claim is gone, or nothing can be asked any more. */
const IS_VOID: ReadonlySet<string> = new Set<ErrorCode>(['CLAIM_LOST', 'SESSION_EXPIRED', 'NOT_RUNNING'])

export interface ClaimRelease {
  readonly claim: Claim
  /** Null stores nothing. */
  readonly offset: Offset | null
  readonly progress: Progress | undefined
}

/** True if the claim is gone, or nothing can be asked any more: trying again changes nothing. */
export function isVoid(error: unknown): boolean {
  return isGroupError(error) && IS_VOID.has(error.code)
}

/** True if the storage itself said no to what it was asked for: trying again changes nothing, and the claim lives. */
export function isRefusal(error: unknown): boolean {
  return !isGroupError(error) || !(MAY_PASS.has(error.code) || IS_VOID.has(error.code))
}

/**
 * Stores the offset and gives the claim up. A storage that is away for a moment would cost the progress since the last
 * commit, so it is tried on until it works, the claim is void, or `giveUp` aborts. Rejects as GroupStorage.release does.
 * Where the offset is refused the claim is given up without it: nobody else would ever do that while the session lives.
 */
export async function releaseClaim(
  storage: GroupStorage,
  release: ClaimRelease,
  giveUp: AbortSignal,
): Promise<void> {
  try {
    await releaseOnceItWorks(storage, release, giveUp)
  } catch (error) {
    const { claim, offset } = release
    if (offset !== null && isRefusal(error))
      await releaseOnceItWorks(storage, { claim, offset: null, progress: undefined }, giveUp).catch(() => {}) // the first refusal is what is told
    throw error
  }
}

async function releaseOnceItWorks(
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
