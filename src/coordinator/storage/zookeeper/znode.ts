/** What ZooKeeper knows about a node. 64-bit ids are bigints: comparing them is what fencing rests on. */
export interface ZnodeStat {
  /** Transaction that created the node: unique and growing, never reused. */
  readonly czxid: bigint
  /** Transaction that last changed its data. */
  readonly mzxid: bigint
  /** Number of data changes since it was created. */
  readonly version: number
  /** Session that the node dies with; PERSISTENT if with none. */
  readonly ephemeralOwner: bigint
}

export const PERSISTENT = 0n

/** The nodes below another. */
export interface Children {
  readonly names: readonly string[]
  /** Transaction that created the node above them. */
  readonly czxid: bigint
  /** Counts the nodes made and deleted there. */
  readonly cversion: number
}

export interface Znode {
  /** Empty for a node without data. */
  readonly data: Buffer
  readonly stat: ZnodeStat
}

/** One step of a transaction. `version` is exact, also 0; ANY_VERSION makes the step unconditional. */
export type Op =
  | {
      readonly type: 'create'
      readonly path: string
      readonly data: Buffer | null
      readonly ephemeral: boolean
    }
  | { readonly type: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly type: 'check'; readonly path: string; readonly version: number }
  | { readonly type: 'remove'; readonly path: string; readonly version: number }

export const ANY_VERSION = -1

/** Writes a persistent node at the version it is known in; null makes it, because there is none. */
export function setOrCreate(path: string, data: Buffer, version: number | null): Op {
  return version === null
    ? { type: 'create', path, data, ephemeral: false }
    : { type: 'set', path, data, version }
}

/** Name of an error that ZooKeeper answers with, `NO_NODE` for example; `CODE_<n>` where it has no name here. */
export type Answer = string

export type MultiResult =
  | {
      readonly committed: true
      /** Per step the version of the node it set, null for other steps. */
      readonly versions: readonly (number | null)[]
    }
  | { readonly committed: false; readonly failedAt: number; readonly answer: Answer }

/** What happened to a node that is watched. */
export type NodeEvent = 'created' | 'deleted' | 'changed' | 'children'

/** A session id as ZooKeeper's own tools print it. */
export function sessionName(sessionId: bigint): string {
  return `0x${BigInt.asUintN(64, sessionId).toString(16)}`
}
