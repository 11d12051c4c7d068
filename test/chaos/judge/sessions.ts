import type { HandledRecord, History, ProcessHistory, StoredClaim } from '../history.ts'

/** The claim that a record was handled under: each epoch is the creation of one owner node. */
export function claimsByEpoch({ claims }: History): Map<string, StoredClaim> {
  return new Map(claims.map(claim => [laneName(claim), claim]))
}

export function laneName({ partition, epoch }: { partition: number; epoch: bigint }): string {
  return `${partition}@${epoch}`
}

/** Whose claim it was: member ids are used again, one process after the other. */
export function processOf(claim: StoredClaim, { processes }: History): ProcessHistory {
  const found = processes.findLast(
    ({ memberId, startedMs }) => memberId === claim.memberId && startedMs <= claim.fromMs,
  )
  if (found === undefined) throw new Error(`nobody made the claim ${laneName(claim)} of ${claim.memberId}`)
  return found
}

/** Records by claim, in the order in which they were started: by the clock if several threads had them. */
export function recordsByLane({ handled }: History): Map<string, HandledRecord[]> {
  const lanes = groupBy(handled, laneName)
  for (const records of lanes.values()) {
    const threads = new Set(records.map(({ process, threadId }) => `${process}_${threadId}`))
    if (threads.size > 1) records.sort((a, b) => a.startMs - b.startMs || a.offset - b.offset)
  }
  return lanes
}

/** Claims of each partition, in the order of their epochs. */
export function claimsByPartition({ claims }: History): Map<number, StoredClaim[]> {
  return groupBy(claims, ({ partition }) => partition)
}

export function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
