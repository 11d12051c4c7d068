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
  /** Aborts when the attempt has taken `handlerTimeoutMs`, when the claim is lost and at the stop deadline. Each attempt has its own, which tells nothing once that is over; the hook `claimed` has one of the claim. */
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

/** What `handleBatch` gets. */
export interface BatchContext<S = unknown> extends HandlerContext<S> {
  /**
   * Says that this record of the batch failed; all that are not named have succeeded when the handler returns. Of two
   * errors for one record the first counts. Throws if the record is not of this batch, or the batch is over.
   */
  fail(record: KafkaRecord, error: unknown): void
}

/** What a module may export beside its handler. Each function is called with the object that has it as `this`. */
interface HandlerExtras<T, S> {
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
  /**
   * How long the record waits before it is run again, in milliseconds, in place of the options' backoff; 'give-up': it is
   * not. Asked after each failed attempt but the last, with the number of that attempt, from 1. Must answer at once.
   */
  retry?: (attempt: number, error: unknown, record: KafkaRecord<T>) => number | 'give-up'
}

/** A module that handles record by record. */
export interface RecordHandlerModule<T = unknown, S = unknown> extends HandlerExtras<T, S> {
  handle: (record: KafkaRecord<T>, context: HandlerContext<S>) => unknown
  handleBatch?: undefined
}

/** A module that handles up to `batchSize` records of one partition, in order, per call. */
export interface BatchHandlerModule<T = unknown, S = unknown> extends HandlerExtras<T, S> {
  handleBatch: (records: readonly KafkaRecord<T>[], context: BatchContext<S>) => unknown
  handle?: undefined
}

/**
 * The exports of a handler module: the handler (the default export, `handle` of a default-exported object, or
 * `handleBatch`), and what it may have beside it. A sync handler costs nothing but itself; what an async one returns is
 * awaited before the next record of its partition.
 */
export type HandlerModule<T = unknown, S = unknown> = RecordHandlerModule<T, S> | BatchHandlerModule<T, S>

/** Gives a handler module its types: `export default defineHandler({ decode: 'json', handle(record) { … } })`. */
export function defineHandler<T = unknown, S = unknown>(
  module: RecordHandlerModule<T, S>,
): RecordHandlerModule<T, S>
export function defineHandler<T = unknown, S = unknown>(
  module: BatchHandlerModule<T, S>,
): BatchHandlerModule<T, S>
export function defineHandler(module: HandlerModule): HandlerModule {
  return module
}

/**
 * Thrown by a handler, a decoder, or given to `context.fail`: no further attempt can succeed, so the record goes to
 * `onFailure` at once. Known by its name, so that it may come from another copy of this package.
 */
export class UnrecoverableError extends Error {
  override readonly name = 'UnrecoverableError'
}
