import type { LibraryStat, OpResult } from './library-internals.ts'
import type { Answer, MultiResult, Op, ZnodeStat } from './znode.ts'

/** Operation codes of the ZooKeeper wire protocol, as far as transactions use them. */
const OP_CODES = { create: 1, remove: 2, set: 5, check: 13 } as const satisfies Record<Op['type'], number>
export const MULTI = 14
const ERROR = -1

/** `KeeperException.Code` of the ZooKeeper server. */
const ANSWERS: Readonly<Record<number, Answer>> = {
  [-1]: 'SYSTEM_ERROR',
  [-2]: 'RUNTIME_INCONSISTENCY',
  [-3]: 'DATA_INCONSISTENCY',
  [-4]: 'CONNECTION_LOSS',
  [-5]: 'MARSHALLING_ERROR',
  [-6]: 'UNIMPLEMENTED',
  [-7]: 'OPERATION_TIMEOUT',
  [-8]: 'BAD_ARGUMENTS',
  [-101]: 'NO_NODE',
  [-102]: 'NO_AUTH',
  [-103]: 'BAD_VERSION',
  [-108]: 'NO_CHILDREN_FOR_EPHEMERALS',
  [-110]: 'NODE_EXISTS',
  [-111]: 'NOT_EMPTY',
  [-112]: 'SESSION_EXPIRED',
  [-114]: 'INVALID_ACL',
  [-115]: 'AUTH_FAILED',
  [-118]: 'SESSION_MOVED',
  [-119]: 'NOT_READ_ONLY',
  [-120]: 'EPHEMERAL_ON_LOCAL_SESSION',
  [-122]: 'REQUEST_TIMEOUT',
  [-125]: 'QUOTA_EXCEEDED',
  [-127]: 'THROTTLED',
}

export function answerOf(code: number): Answer {
  return ANSWERS[code] ?? `CODE_${code}`
}

/** Steps as the library writes them. Made by hand, because its own builder turns version 0 into "any version". */
export function toLibraryOps(ops: readonly Op[], openAcl: unknown): object[] {
  return ops.map(op => {
    const step = { type: OP_CODES[op.type], path: op.path }
    switch (op.type) {
      case 'create':
        return { ...step, data: op.data ?? undefined, acls: openAcl, mode: op.ephemeral ? 1 : 0 }
      case 'set':
        return { ...step, data: op.data, version: op.version }
      case 'check':
      case 'remove':
        return { ...step, version: op.version }
    }
  })
}

const INT_BYTES = 4
/** Length of the packet, xid and type of the request. */
const REQUEST_BYTES = 3 * INT_BYTES
/** Type, end mark and error code: before each step, and after the last. */
const STEP_BYTES = 2 * INT_BYTES + 1
/** A list of one entry: permissions, scheme and id. */
const OPEN_ACL_BYTES = 4 * INT_BYTES + 'world'.length + 'anyone'.length

/** How long the packet of a transaction is. */
export function multiBytes(ops: readonly Op[]): number {
  return REQUEST_BYTES + STEP_BYTES + stepBytes(ops)
}

/** How much steps add to it. */
export function stepBytes(ops: readonly Op[]): number {
  return ops.reduce((bytes, op) => bytes + STEP_BYTES + opBytes(op), 0)
}

function opBytes(op: Op): number {
  const path = INT_BYTES + Buffer.byteLength(op.path)
  switch (op.type) {
    case 'create':
      return path + INT_BYTES + (op.data?.length ?? 0) + OPEN_ACL_BYTES + INT_BYTES
    case 'set':
      return path + INT_BYTES + op.data.length + INT_BYTES
    case 'check':
    case 'remove':
      return path + INT_BYTES
  }
}

/** Steps before the one that failed answer 0, those after it -2: the first other code is the cause. */
export function toMultiResult(results: readonly OpResult[]): MultiResult {
  const failedAt = results.findIndex(result => result.type === ERROR && result.err !== 0)
  if (failedAt >= 0) return { committed: false, failedAt, answer: answerOf(results[failedAt]!.err ?? ERROR) }
  return { committed: true, versions: results.map(result => result.stat?.version ?? null) }
}

export function toStat(stat: LibraryStat): ZnodeStat {
  return {
    czxid: stat.czxid.readBigInt64BE(0),
    mzxid: stat.mzxid.readBigInt64BE(0),
    version: stat.version,
    ephemeralOwner: stat.ephemeralOwner.readBigInt64BE(0),
  }
}
