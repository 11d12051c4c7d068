import { Backoff } from '../../shared/backoff.ts'
import type { GroupError } from '../../shared/errors.ts'
import { claimRefused } from '../coordinator-errors.ts'
import type { GroupStorage } from '../storage/group-storage.ts'
import type { OwnedPartition } from './owned-partition.ts'

const LOOK_AGAIN = { initialMs: 200, maxMs: 3000 }

export interface RefusalHost {
  readonly storage: Pick<GroupStorage, 'readHolder'>
  readonly stopSignal: AbortSignal
  report(error: GroupError): void
}

/** Tells who holds a partition now whose claim was refused: it may have changed hands since. Never rejects. */
export async function reportRefusal(one: OwnedPartition, host: RefusalHost): Promise<void> {
  const backoff = new Backoff(LOOK_AGAIN)
  while (!host.stopSignal.aborted) {
    try {
      const holder = await host.storage.readHolder(one)
      if (holder !== null && one.state === 'waiting') host.report(claimRefused(one, holder))
      return
    } catch {
      await backoff.wait(host.stopSignal).catch(() => {}) // the storage is away, which it tells by itself
    }
  }
}
