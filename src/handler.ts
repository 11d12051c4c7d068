import type { Logger } from './shared/logger.ts'

/** One Kafka record as the handler sees it. Never reused: keep it as long as you like. */
export interface KafkaRecord<T = unknown> {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since 1970; the broker's append time if the topic is set to LogAppendTime. */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Decoded once, when first read. A throw of the decoder surfaces here, inside the handler's attempt. */
  readonly value: T | null
  /** A name that occurs more than once has an array, in the order of the record. */
  readonly headers: Readonly<Record<string, Buffer | Buffer[]>>
  /** Bytes of key and value. */
  readonly size: number
  /** From 1. */
  readonly attempt: number
  /** Copies the record's bytes, so that keeping it no longer keeps the fetched batch in memory. Returns the record. */
  detach(): this
}

/** What every hook gets: one object per thread. */
export interface ThreadContext<S = unknown> {
  readonly groupId: string
  readonly memberId: string
  readonly threadId: number
  readonly logger: Logger
  /** Yours: set it in `setup`, find it in every later call on the same thread. */
  state: S
}

/** What a handler and the partition hooks get: one object per claim of a partition. */
export interface HandlerContext<S = unknown> extends ThreadContext<S> {
  /** Aborts when the claim is lost and at the stop deadline. */
  readonly signal: AbortSignal
  /** Fencing token: grows with every claim of the partition. */
  readonly epoch: bigint
}

export interface HandlerPartition {
  readonly topic: string
  readonly partition: number
}

export type ValueDecoder<T = unknown> = (bytes: Buffer, record: KafkaRecord<T>) => T
export type DecodeOption<T = unknown> = 'buffer' | 'string' | 'json' | 'msgpack' | ValueDecoder<T>

/**
 * The exports of a handler module. Only `default` (the handler) is required. A sync handler costs nothing but
 * itself; what an async one returns is awaited before the next record of its partition. Each function is called with
 * the object that has it as `this`, so an instance of a class may be exported too.
 */
export interface HandlerModule<T = unknown, S = unknown> {
  handle: (record: KafkaRecord<T>, context: HandlerContext<S>) => unknown
  /** How `record.value` is made of the bytes. @defaultValue 'buffer' */
  decode?: DecodeOption<T>
  /** Once per thread, before its first record. */
  setup?: (context: ThreadContext<S>) => unknown
  /** Once per thread, after its last record. */
  teardown?: (context: ThreadContext<S>) => unknown
  /** Before the first record of a partition on this thread. */
  claimed?: (partition: HandlerPartition, context: HandlerContext<S>) => unknown
  /** After the last record of a partition on this thread; awaited before commit and release. */
  released?: (partition: HandlerPartition, context: HandlerContext<S>) => unknown
}

/** Gives a handler module its types: `export default defineHandler({ decode: 'json', handle(record) { … } })`. */
export function defineHandler<T = unknown, S = unknown>(module: HandlerModule<T, S>): HandlerModule<T, S> {
  return module
}
