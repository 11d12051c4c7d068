import type { FaultKind } from './schedule.ts'

// What a run leaves to the judge. All times are of the wall clock of the one machine everything ran on, in whole
// milliseconds: the only clock that ZooKeeper's log, the members and the conductor share.

/** One handler call. `line` counts the calls of its thread. */
export interface HandledRecord {
  /** The process, not the member id: an id may be used again. */
  readonly process: string
  readonly threadId: number
  readonly line: number
  readonly epoch: bigint
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly startMs: number
  /** Null: its process ended in the middle of it. */
  readonly endMs: number | null
}

/** A start and an end of a handler, in the order in which one thread wrote them. */
export interface LedgerLine {
  readonly what: 'start' | 'end'
  readonly epoch: bigint
  readonly partition: number
  readonly offset: number
}

export interface ThreadLedger {
  readonly process: string
  readonly threadId: number
  readonly lines: readonly LedgerLine[]
}

/** `offset` was written to the offset node of a partition, by that session. */
export interface StoredCommit {
  readonly atMs: number
  readonly zxid: bigint
  readonly sessionId: string
  readonly partition: number
  readonly offset: number
}

/** released: deleted together with a commit. removed: deleted alone. session-end: it went with its session. */
export type ClaimEnd = 'released' | 'removed' | 'session-end'

/** An owner node, from its creation to its end. */
export interface StoredClaim {
  readonly partition: number
  /** The zxid of its creation. */
  readonly epoch: bigint
  readonly sessionId: string
  /** The name of the member, as it stands in the node. */
  readonly memberId: string
  readonly fromMs: number
  /** Null: it was there when the run was over. */
  readonly to: { readonly atMs: number; readonly zxid: bigint; readonly how: ClaimEnd } | null
}

/** A fault that was carried out. */
export interface Fault {
  readonly step: number
  readonly kind: FaultKind
  /** The process or server that was hurt. */
  readonly target: string
  readonly fromMs: number
  /** Null: for good. */
  readonly toMs: number | null
  /**
   * Within the time of the fault: from when ZooKeeper could answer nothing more to those who were hurt, until it could again
   * at the earliest. Null for faults that let it answer.
   */
  readonly unanswered: { readonly fromMs: number; readonly toMs: number } | null
  /** What was seen of it; null if nothing was. */
  readonly evidence: string | null
}

/** A time in which the machine let the conductor wait, and with it the gates that everybody's connections go through. */
export interface Stall {
  readonly fromMs: number
  readonly toMs: number
}

export interface SessionEvent {
  readonly what: 'lost' | 'restored'
  readonly atMs: number
}

export interface ProcessHistory {
  readonly name: string
  readonly memberId: string
  readonly startedMs: number
  readonly told: { readonly what: 'leave' | 'kill'; readonly atMs: number } | null
  readonly exit: { readonly with: number | string; readonly atMs: number } | null
  /** It said that its group had failed. */
  readonly failedWith: string | null
  readonly sessions: readonly SessionEvent[]
  readonly errors: readonly { readonly code: string; readonly message: string; readonly atMs: number }[]
}

export interface RunSettings {
  readonly partitions: number
  readonly sessionMs: number
  readonly commitIntervalMs: number
  readonly stopTimeoutMs: number
  readonly kinds: readonly FaultKind[]
  readonly ordering: 'partition' | 'key' | 'none'
  /** Of each member. */
  readonly threads: number
  /** What was produced, in each partition. A freeze of a member asks for one burst more. */
  readonly recordsPerSecond: number
  readonly burst: { readonly records: number; readonly everyMs: number }
}

export interface History {
  readonly settings: RunSettings
  /** Keys of the log, by partition and offset: what was really produced. */
  readonly log: readonly (readonly string[])[]
  readonly acknowledged: readonly { readonly partition: number; readonly key: string }[]
  readonly handled: readonly HandledRecord[]
  readonly ledgers: readonly ThreadLedger[]
  readonly commits: readonly StoredCommit[]
  readonly claims: readonly StoredClaim[]
  readonly faults: readonly Fault[]
  readonly stalls: readonly Stall[]
  readonly processes: readonly ProcessHistory[]
  /** How long after the last fault was over the group owned everything and had no lag; null if it never came to that. */
  readonly wholeAfterMs: number | null
}

export interface Violation {
  readonly rule: string
  readonly message: string
}
