/**
 * Every code this package throws, with whether trying again can help, what it means and what to do.
 * Users match on the code (`isGroupError(error, code)`), never on the message.
 */
export const ERROR_CODES = {
  CONFIG_INVALID: { retryable: false, meaning: 'an option is unknown, ill-typed or contradicts another' },
  HANDLER_MODULE_INVALID: {
    retryable: false,
    meaning: 'the handler module is missing, does not parse or exports nothing usable',
  },
  HANDLER_SETUP_FAILED: { retryable: false, meaning: '`setup` of the handler module threw' },
  HANDLER_HOOK_FAILED: { retryable: false, meaning: '`claimed` or `released` of the handler module threw' },
  HANDLER_FAILED: {
    retryable: false,
    meaning: 'the handler threw or rejected for one record',
  },
  HANDLER_CUT: {
    retryable: true,
    meaning:
      'a handler went on long after its partition was to be given up, or to go on with other lanes; its thread was ended and the record will be handled again',
  },
  HANDLER_TIMEOUT: {
    retryable: true,
    meaning: 'an attempt took longer than `handlerTimeoutMs`',
  },
  HANDLER_KILLED_THREAD: {
    retryable: true,
    meaning: 'the worker thread died while it ran the handler on one record',
  },
  HANDLER_KILLED_PROCESS: {
    retryable: true,
    meaning: 'the process died, again and again, while it ran the handler on one record',
  },
  RETRY_RULE_FAILED: {
    retryable: false,
    meaning:
      '`retry` of the handler module threw or answered nothing usable; the backoff of the options holds',
  },
  DEAD_LETTER_FAILED: {
    retryable: true,
    meaning: 'a dead letter could not be stored in its topic; its partition stops there',
  },
  DEAD_LETTER_TOPIC_UNAVAILABLE: {
    retryable: false,
    meaning: 'the topic for dead letters does not exist and could not be made',
  },
  RECORD_SKIPPED: {
    retryable: false,
    meaning: 'the attempts of a record were used up and it was left out, as `onFailure` says',
  },
  DECODE_FAILED: {
    retryable: false,
    meaning: 'the value of one record could not be decoded',
  },
  ZOOKEEPER_UNREACHABLE: {
    retryable: true,
    meaning: 'no ZooKeeper server answered within the connect deadline',
  },
  ZOOKEEPER_DISCONNECTED: {
    retryable: true,
    meaning: 'the call could not be sent or its answer did not come; its effect is unknown',
  },
  ZOOKEEPER_REFUSED: {
    retryable: false,
    meaning: 'ZooKeeper answered a call with an error nobody expects here',
  },
  SESSION_EXPIRED: {
    retryable: true,
    meaning: 'the ZooKeeper session is over and everything it claimed with it',
  },
  LEASE_OVER: {
    retryable: true,
    meaning: 'claims are no longer certainly valid, so nothing is handled or committed',
  },
  MEMBER_ID_TAKEN: { retryable: false, meaning: 'a live member of the group uses this memberId' },
  MIXED_GROUP_UNSUPPORTED: {
    retryable: false,
    meaning:
      'the group has members of the Go original and classic consumers, which divide partitions differently',
  },
  ID_NODE_UNREADABLE: {
    retryable: false,
    meaning: 'the data under a member id is nothing that a known program writes',
  },
  FORMAT_UNKNOWN: {
    retryable: false,
    meaning: 'a node was written by another version of this package, in a format that this one does not know',
  },
  PLAN_CORRUPT: { retryable: false, meaning: 'the plan node of the group does not hold a plan' },
  PROGRESS_CORRUPT: {
    retryable: false,
    meaning: 'the progress node of a partition does not hold its progress; the committed offset alone holds',
  },
  CLAIM_REFUSED: {
    retryable: true,
    meaning: 'another member still owns the partition after the configured retries',
  },
  CLAIM_LOST: { retryable: true, meaning: 'the owner node of a claim is gone or belongs to another session' },
  FOREIGN_WRITE: {
    retryable: true,
    meaning: 'something outside this member wrote to a node of a claimed partition',
  },
  OFFSET_CORRUPT: { retryable: false, meaning: 'a stored offset is not a decimal number' },
  OFFSET_MISSING: {
    retryable: false,
    meaning: 'nothing is stored for a partition, and nothing says where it starts',
  },
  OFFSET_OUT_OF_RANGE: {
    retryable: false,
    meaning: 'an offset, stored or to be stored, is outside of the log',
  },
  BROKERS_UNREACHABLE: { retryable: true, meaning: 'no Kafka broker answered within the connect deadline' },
  BROKERS_NOT_FOUND: { retryable: false, meaning: 'no brokers were given and ZooKeeper lists none' },
  BROKER_DISCONNECTED: {
    retryable: true,
    meaning: 'the connection to a broker ended or its answer did not come',
  },
  BROKER_REFUSED: { retryable: false, meaning: 'a broker answered with an error code' },
  RESPONSE_CORRUPT: {
    retryable: true,
    meaning: 'an answer of a broker is damaged or not Kafka at all; the connection is closed',
  },
  BROKER_UNSUPPORTED: { retryable: false, meaning: 'a broker does not speak a version this client knows' },
  GROUP_NOT_FOUND: { retryable: false, meaning: 'nothing is stored for a group of this name' },
  GROUP_HAS_MEMBERS: {
    retryable: true,
    meaning: 'the group has members or claims, and the call is for a group that nobody is in',
  },
  TOPIC_NOT_FOUND: { retryable: false, meaning: 'a topic that was named does not exist' },
  PARTITION_NOT_FOUND: { retryable: false, meaning: 'a topic has no partition of the number that was named' },
  TOPIC_RECREATED: {
    retryable: true,
    meaning: 'a topic was deleted and made again; its partitions start at the first record of the new one',
  },
  FETCH_REFUSED: { retryable: false, meaning: 'a broker refused to serve one partition' },
  BATCH_CORRUPT: { retryable: false, meaning: 'a record batch is damaged: wrong CRC or impossible lengths' },
  BATCH_TOO_LARGE: { retryable: false, meaning: 'a batch is larger than the configured maximum' },
  RECORD_TOO_LARGE: {
    retryable: false,
    meaning: 'a record is larger than what is kept of its partition, as `ringBytesPerPartition` says',
  },
  CODEC_UNSUPPORTED: {
    retryable: false,
    meaning: 'a batch is compressed with a codec that this client does not know or cannot use here',
  },
  WORKER_DIED: {
    retryable: true,
    meaning: 'a worker thread ended without being asked to; another takes its place',
  },
  STOP_TIMEOUT: { retryable: false, meaning: 'stop() reached its deadline; handlers were cut' },
  NOT_RUNNING: { retryable: false, meaning: 'the call needs a running group' },
  EVENT_LOOP_BLOCKED: {
    retryable: true,
    meaning: 'the thread of the coordinator was blocked for so long that the session is in danger',
  },
  STACK_FAILED: { retryable: false, meaning: 'the development stack could not be started' },
  INTERNAL: { retryable: false, meaning: 'a defect of this package; please report it' },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>

export type ErrorCode = keyof typeof ERROR_CODES

/** Plain data about where and on what an error happened: topic, partition, offset, path, memberId … */
export type ErrorDetails = Readonly<Record<string, unknown>>

/** The one error class of this package. `message` says what failed, on what, and what to do or what happens next. */
export class GroupError extends Error {
  override readonly name = 'GroupError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, extra: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause })
    this.code = code
    this.retryable = ERROR_CODES[code].retryable
    this.details = extra.details ?? {}
  }
}

/** True for errors of this package, also after they crossed a thread; with `code`, only for that one. Never throws. */
export function isGroupError(error: unknown, code?: ErrorCode): error is GroupError {
  return isInstance(error, GroupError) && (code === undefined || fieldOf(error, 'code') === code)
}

/** An error of this package as it is; anything else is a defect of ours, met while `doing` something. */
export function asGroupError(thrown: unknown, doing: string, details: ErrorDetails = {}): GroupError {
  if (isGroupError(thrown)) return thrown
  return new GroupError('INTERNAL', `${doing}: ${messageOf(thrown)}`, { details, cause: thrown })
}

/** `instanceof` for thrown values of users: a revoked proxy, or one with a trap of its own, is an instance of nothing. */
export function isInstance<T>(value: unknown, type: abstract new (...given: never[]) => T): value is T {
  try {
    return value instanceof type
  } catch {
    return false // it refuses to tell its prototype
  }
}

/** A field of somebody's error; undefined if its getter throws: the field is unreadable, the rest still tells the story. */
export function fieldOf(error: object, name: string): unknown {
  try {
    return (error as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** Whatever was thrown, as an Error: strings and other values become its message. Never throws; what is read of the error later may. */
export function toError(thrown: unknown): Error {
  return isInstance(thrown, Error) ? thrown : new Error(`thrown value: ${describe(thrown)}`)
}

/** What a thrown value says, for messages of our own. Never throws, whatever the value's getters, conversions and traps do. */
export function messageOf(thrown: unknown): string {
  const message: unknown = fieldOf(toError(thrown), 'message')
  if (typeof message === 'string') return message
  return message === undefined ? 'an error whose message cannot be read' : describe(message)
}

function describe(value: unknown): string {
  try {
    return String(value)
  } catch {
    return describeByTag(value) // its own conversion threw: the tag is all there is to tell
  }
}

function describeByTag(value: unknown): string {
  try {
    return Object.prototype.toString.call(value)
  } catch {
    return `${typeof value} that cannot be shown` // a revoked proxy, or a tag whose getter throws
  }
}
