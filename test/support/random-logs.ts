import fc from 'fast-check'
import type { AbortedTransaction } from '#src/worker/decode/transaction-filter.js'
import {
  CODECS,
  encodeBatch,
  encodeMarker,
  encodeMessage,
  encodeWrapper,
  type TestCodec,
  type TestRecord,
} from './record-batches.ts'

/** A random partition, as a broker would store it, with what each isolation level may see of it. */
export interface RandomLog {
  /** Batches in order; each knows its offsets, so that a fetch can start at any of them. */
  batches: LogBatch[]
  aborted: (AbortedTransaction & { markerOffset: number })[]
  endOffset: number
}

export interface LogBatch {
  bytes: Buffer
  lastOffset: number
  records: LogRecord[]
}

export interface LogRecord extends TestRecord {
  isAborted: boolean
}

/** What a broker answers to a fetch at `offset`: from the batch that holds it on, and the aborted transactions that reach it. */
export function fetchFrom(log: RandomLog, offset: number): { bytes: Buffer; aborted: AbortedTransaction[] } {
  const batches = log.batches.filter(({ lastOffset }) => lastOffset >= offset)
  return {
    bytes: Buffer.concat(batches.map(({ bytes }) => bytes)),
    aborted: log.aborted.filter(({ markerOffset }) => markerOffset >= offset),
  }
}

export function visibleFrom(log: RandomLog, offset: number, readCommitted: boolean): LogRecord[] {
  return log.batches
    .flatMap(({ records }) => records)
    .filter(record => record.offset >= offset && !(readCommitted && record.isAborted))
}

/** `place`: from 0 to below 1. */
export function offsetAt(log: RandomLog, place: number): number {
  const first = log.batches[0]!.records[0]?.offset ?? 0
  return first + Math.floor(place * (log.endOffset - first))
}

interface Step {
  kind: 'data' | 'transactional' | 'abort' | 'commit' | 'empty' | 'message' | 'wrapper'
  producer: number
  codec: TestCodec
  /** Offsets that compaction took, before the step, between its records and behind them. */
  gaps: number[]
  records: StepRecord[]
}

interface StepRecord {
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: [string, Buffer | null][]
}

const bytes = fc.uint8Array({ maxLength: 20 }).map(array => Buffer.from(array))
const keyBytes = fc.oneof(
  bytes,
  fc.constant(Buffer.from([0, 0, 0, 0])),
  fc.constant(Buffer.from([0, 0, 0, 1])),
)

const stepRecord: fc.Arbitrary<StepRecord> = fc.record({
  timestamp: fc.oneof(fc.integer({ min: -1, max: 2 ** 45 }), fc.constant(1_700_000_000_000)),
  key: fc.option(keyBytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(fc.constantFrom('a', 'b', '', '__proto__', 'ü'), fc.option(bytes)), {
    maxLength: 3,
  }),
})

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'data',
    'transactional',
    'transactional',
    'transactional',
    'abort',
    'commit',
    'empty',
    'message',
    'wrapper',
  ),
  producer: fc.integer({ min: 1, max: 3 }),
  codec: fc.constantFrom(...CODECS),
  gaps: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })), { minLength: 8, maxLength: 8 }),
  records: fc.array(stepRecord, { minLength: 1, maxLength: 6 }),
})

export const anyLog: fc.Arbitrary<RandomLog> = fc
  .tuple(
    fc.constantFrom(0, 5, 2 ** 31 - 3, 2 ** 40),
    fc.array(step, { minLength: 1, maxLength: 12 }),
    fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  )
  .map(([start, steps, endings]) => new LogWriter(start).write(steps, endings))

/** Plays the broker: places the steps one after the other and keeps the books about transactions. */
class LogWriter {
  readonly #log: RandomLog
  /** Records of the open transaction of each producer. */
  readonly #open = new Map<number, LogRecord[]>()

  constructor(start: number) {
    this.#log = { batches: [], aborted: [], endOffset: start }
  }

  /** No transaction stays open: what is fetched ends below the first open one. */
  write(steps: readonly Step[], endings: readonly boolean[]): RandomLog {
    for (const each of steps) this.#add(each)
    for (const producer of [...this.#open.keys()])
      this.#end(producer, endings[producer - 1] ? 'abort' : 'commit')
    return this.#log
  }

  #add(each: Step): void {
    if (each.kind === 'abort' || each.kind === 'commit') this.#end(each.producer, each.kind)
    else if (each.kind === 'empty') this.#addEmpty(each.gaps[0]!)
    else this.#addRecords(each)
  }

  #addRecords(each: Step): void {
    const old = each.kind === 'message' || each.kind === 'wrapper'
    let offset = this.#log.endOffset
    const records = each.records.map((record, index): LogRecord => {
      offset += each.gaps[index]!
      const plain = old ? { ...record, headers: [] } : record
      return { ...plain, offset: offset++, isAborted: false }
    })
    if (each.kind === 'transactional') this.#openOf(each.producer).push(...records)
    const lastOffset = old ? offset - 1 : offset - 1 + each.gaps[7]!
    this.#append(encodeStep(each, records, this.#log.endOffset, lastOffset), lastOffset, records)
  }

  #addEmpty(size: number): void {
    const baseOffset = this.#log.endOffset
    const lastOffset = baseOffset + size
    this.#append(encodeBatch({ records: [], baseOffset, lastOffset }), lastOffset, [])
  }

  /** A marker without a transaction is written too, as a producer that only began may cause. */
  #end(producer: number, type: 'abort' | 'commit'): void {
    const records = this.#open.get(producer) ?? []
    this.#open.delete(producer)
    const offset = this.#log.endOffset
    if (type === 'abort') {
      for (const record of records) record.isAborted = true
      const firstOffset = records[0]?.offset
      if (firstOffset !== undefined)
        this.#log.aborted.unshift({ producerId: BigInt(producer), firstOffset, markerOffset: offset })
    }
    this.#append(encodeMarker(offset, BigInt(producer), type), offset, [])
  }

  #openOf(producer: number): LogRecord[] {
    const records = this.#open.get(producer) ?? []
    this.#open.set(producer, records)
    return records
  }

  #append(batch: Buffer, lastOffset: number, records: LogRecord[]): void {
    this.#log.batches.push({ bytes: batch, lastOffset, records })
    this.#log.endOffset = lastOffset + 1
  }
}

function encodeStep(
  each: Step,
  records: readonly LogRecord[],
  baseOffset: number,
  lastOffset: number,
): Buffer {
  const codec = each.codec
  if (each.kind === 'message')
    return Buffer.concat(records.map(record => encodeMessage({ ...record, magic: 1 })))
  if (each.kind === 'wrapper')
    return encodeWrapper({
      magic: 1,
      codec: codec === 'none' || codec === 'zstd' ? 'gzip' : codec,
      messages: records.map(record => ({ ...record, magic: 1 })),
    })
  const batch = { records, baseOffset, lastOffset, codec }
  return encodeBatch(
    each.kind === 'transactional' ? { ...batch, transactionOf: BigInt(each.producer) } : batch,
  )
}
