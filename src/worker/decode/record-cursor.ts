import { toError } from '../../shared/errors.ts'
import type { Offset } from '../../shared/types.ts'
import { BatchFrame, readFrame } from './batch-frame.ts'
import { BatchHeader, type CrcCheck } from './batch-header.ts'
import { BATCH_CODECS, NO_CODEC, type Codecs } from './codecs/registry.ts'
import { isAbortMarker } from './control-record.ts'
import { decompress } from './decompress.ts'
import { NO_OLD_MESSAGES, readOldMessages, type OldMessages } from './old-messages.ts'
import { RecordReader } from './record-reader.ts'
import { TransactionFilter, type AbortedTransaction } from './transaction-filter.ts'

export interface RecordCursorOptions {
  /** A batch larger than this, decompressed or as it is, is BATCH_TOO_LARGE. */
  readonly maxBatchBytes: number
  /** Whether records of aborted transactions are left out. */
  readonly readCommitted: boolean
  /**
   * Whether the CRCs of record batches were checked before. Old messages are always checked.
   * @defaultValue 'check'
   */
  readonly crc?: CrcCheck
  /** @defaultValue every codec of Kafka */
  readonly codecs?: Codecs
}

const NO_BYTES = Buffer.alloc(0)

/**
 * Walks over the records that one fetch brought for one partition. Aborted transactions, control batches and what
 * compaction left of a batch are passed over. The caller may stop between any two records and go on turns later.
 *
 * Three formats are read: record batches (magic 2) by record-reader.ts, messages (magic 0 and 1) by old-messages.ts;
 * one answer may hold all of them. Every error is final for these bytes: next() throws it again until reset().
 */
export class RecordCursor {
  /** The current record, after next() answered true. */
  readonly record = new RecordReader()

  readonly #maxBatchBytes: number
  readonly #readCommitted: boolean
  readonly #crc: CrcCheck
  readonly #codecs: Codecs
  #records: Buffer = NO_BYTES
  #filter: TransactionFilter | null = null
  #failure: Error | null = null
  /** Where the open batch ends in the records. */
  #batchEnd = 0
  /** Records below were handled before, though their batch had to be fetched again. */
  #from: Offset = 0
  /** Behind the open batch. */
  #afterBatch: Offset = 0
  #old: OldMessages = NO_OLD_MESSAGES

  constructor(options: RecordCursorOptions) {
    this.#maxBatchBytes = options.maxBatchBytes
    this.#readCommitted = options.readCommitted
    this.#crc = options.crc ?? 'check'
    this.#codecs = options.codecs ?? BATCH_CODECS
  }

  /** `aborted` as the fetch answered, in any order; null if it was not asked for. */
  reset(records: Buffer, fetchOffset: Offset, aborted: readonly AbortedTransaction[] | null): this {
    this.release()
    this.#records = records
    this.#from = this.#afterBatch = fetchOffset
    this.record.offset = -1
    const filters = this.#readCommitted && aborted !== null && aborted.length > 0
    this.#filter = filters ? new TransactionFilter(aborted) : null
    this.#failure = null
    return this
  }

  /** Lets go of the fetched bytes; nextOffset stays. */
  release(): void {
    this.#from = this.#afterBatch = this.nextOffset
    this.#records = NO_BYTES
    this.#batchEnd = 0
    this.#closeBatch()
  }

  /**
   * Moves to the next visible record; false when these bytes hold no further one.
   * @throws BATCH_CORRUPT, BATCH_TOO_LARGE, CODEC_UNSUPPORTED; what came before is good: nextOffset says how far
   */
  next(): boolean {
    const { record } = this
    try {
      do {
        while (record.left > 0) {
          record.read()
          if (record.offset >= this.#from) return true
        }
        if (this.#showOldMessage()) return true
      } while (this.#openNext())
    } catch (error) {
      throw this.#fail(error)
    }
    this.release()
    return false
  }

  /**
   * Where to read on once the current record is handled: all below is handled, hidden or gone. At the end of a batch,
   * and when next() answered false, that is behind the last offset of the batch, whether a record has it or not.
   */
  get nextOffset(): Offset {
    return this.#batchIsOpen ? this.#afterRecord : this.#afterBatch
  }

  /** What the open batch takes beside the fetched bytes. */
  get decompressedBytes(): number {
    const { bytes } = this.record
    return bytes === this.#records ? 0 : bytes.length
  }

  get #batchIsOpen(): boolean {
    return this.record.left > 0 || this.#old.hasNext
  }

  get #afterRecord(): Offset {
    return Math.max(this.record.offset + 1, this.#from)
  }

  /** False when no further batch is there as a whole. */
  #openNext(): boolean {
    if (this.#failure !== null) throw this.#failure
    this.#closeBatch()
    this.#from = this.#afterBatch
    const start = this.#batchEnd
    if (start === this.#records.length) return false
    const frame = readFrame(this.#records, start, this.#maxBatchBytes)
    if (!(frame instanceof BatchFrame)) return false
    this.#batchEnd = frame.end
    if (frame.magic < 2) this.#openOldMessages(frame)
    else this.#openBatch(new BatchHeader(this.#records, frame, this.#crc), frame.end)
    return true
  }

  #openBatch(batch: BatchHeader, end: number): void {
    // Before the marker is looked at: see TransactionFilter.
    this.#filter?.meet(batch.lastOffset)
    if (batch.isControl) this.#meetMarker(batch, end)
    else if (batch.lastOffset >= this.#from && this.#filter?.hides(batch) !== true)
      this.#openRecords(batch, end, this.record)
    this.#afterBatch = Math.max(this.#from, batch.lastOffset + 1)
  }

  #meetMarker(batch: BatchHeader, end: number): void {
    if (this.#filter === null) return
    const marker = new RecordReader()
    this.#openRecords(batch, end, marker)
    if (marker.left > 0 && isAbortMarker(batch, marker)) this.#filter.endAborted(batch.producerId())
  }

  #openRecords(batch: BatchHeader, end: number, into: RecordReader): void {
    const { codec, recordsStart } = batch
    if (batch.count === 0) return // the log cleaner keeps an empty batch for its producer's sequence number
    if (codec === NO_CODEC) {
      into.open(batch, this.#records, recordsStart, end)
      return
    }
    const compressed = this.#records.subarray(recordsStart, end)
    const bytes = decompress(compressed, this.#codecs, codec, batch.baseOffset, this.#maxBatchBytes)
    into.open(batch, bytes, 0, bytes.length)
  }

  #openOldMessages(frame: BatchFrame): void {
    this.#old = readOldMessages(this.#records, frame, this.#maxBatchBytes)
    this.#afterBatch = Math.max(this.#from, frame.baseOffset + 1)
  }

  #showOldMessage(): boolean {
    while (this.#old.hasNext) {
      const message = this.#old.next()
      if (message.offset < this.#from) continue
      this.record.show(message, this.#old.bytes)
      return true
    }
    return false
  }

  #closeBatch(): void {
    this.record.close()
    this.#old = NO_OLD_MESSAGES
  }

  /** Nothing of the failed batch counts but the records before the damaged one. */
  #fail(error: unknown): Error {
    if (this.#failure !== null) return this.#failure
    this.#afterBatch = this.#afterRecord
    this.#closeBatch()
    return (this.#failure = toError(error))
  }
}
