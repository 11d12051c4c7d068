import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Backoff } from '../../shared/backoff.ts'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import { ERROR_CODE, errorCodeName } from '../../shared/kafka/error-codes.ts'
import {
  encodeRecordBatch,
  encodeRecords,
  type BatchIdentity,
  type OutgoingRecord,
  type RecordBlock,
} from '../../shared/kafka/record-batch.ts'
import { startPatientTimeout } from '../../shared/patient-timer.ts'
import { partitionName, type BrokerAddress, type TopicPartition } from '../../shared/types.ts'
import { unlessAborted } from '../../shared/unless-aborted.ts'

/** What writing needs of the cluster. */
export interface ProducerPort {
  leaderOf(partition: TopicPartition): BrokerAddress | null
  /** Asks who leads what now; never in a tight loop. */
  refresh(): Promise<void>
  connectionTo(address: BrokerAddress): Promise<Pick<BrokerConnection, 'initProducerId' | 'produce'>>
}

export interface PartitionProducerOptions {
  readonly to: TopicPartition
  readonly port: ProducerPort
  /** How long a batch is tried. */
  readonly giveUpAfterMs: number
  /** Of the connections. */
  readonly requestTimeoutMs: number
  /** Told of the first attempt of a batch that failed. */
  readonly troubled: (cause: GroupError) => void
}

const RETRY = { initialMs: 100, maxMs: 2_000 }
const MAX_SEQUENCE = 2 ** 31 - 1

/** A batch on its way. */
interface Batch {
  readonly block: RecordBlock
  /** Null until a broker has given one. */
  readonly identity: BatchIdentity | null
}

/**
 * Writes to one partition, batch by batch, as an idempotent producer (KIP-98): a batch that is sent again after an answer
 * that was lost is written once.
 *
 * A broker knows a batch by producer id and sequence only. Were the sequence of a batch whose fate is unknown given to
 * other records, the broker could take them for the batch it has, acknowledge them and drop them. So a batch is sent
 * again as it is, or its producer id is never used again.
 */
export class PartitionProducer {
  readonly #options: PartitionProducerOptions
  /** Of the next batch; null while one is on its way, and if its fate is unknown. */
  #identity: BatchIdentity | null = null

  constructor(options: PartitionProducerOptions) {
    this.#options = options
  }

  /**
   * Resolves when every replica in sync has the records. One call at a time. BROKER_REFUSED: the broker does not take these
   * records, whatever is tried. BROKER_DISCONNECTED: the time is over; they may be written or not. When `signal` aborts it
   * rejects with the signal's reason; they may be written or not.
   */
  async send(records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    const { giveUpAfterMs, to } = this.#options
    const over = new AbortController()
    const cancelTimeout = startPatientTimeout(giveUpAfterMs, () => over.abort())
    const attempts = new Attempts(this.#options, AbortSignal.any([signal, over.signal]))
    const first = { block: encodeRecords(records), identity: this.#takeIdentity(records.length) }
    try {
      const { identity } = await attempts.untilWritten(first)
      this.#identity = { ...identity, firstSequence: identity.firstSequence + records.length }
    } catch (error) {
      signal.throwIfAborted()
      throw over.signal.aborted ? gaveUp(to, giveUpAfterMs, attempts.lastFailure) : error
    } finally {
      cancelTimeout()
    }
  }

  #takeIdentity(count: number): BatchIdentity | null {
    const identity = this.#identity
    this.#identity = null
    return identity === null || identity.firstSequence + count > MAX_SEQUENCE ? null : identity
  }
}

/** What is done about one batch until it is written. It shares nothing with the next one: an attempt that was given up may still be under way then. */
class Attempts {
  readonly #options: PartitionProducerOptions
  readonly #signal: AbortSignal
  readonly #backoff = new Backoff(RETRY)
  lastFailure: GroupError | null = null

  constructor(options: PartitionProducerOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  async untilWritten(batch: Batch): Promise<{ identity: BatchIdentity }> {
    for (;;) {
      const { identity, errorCode } = await this.#attempt(batch)
      switch (verdictOn(errorCode)) {
        case 'written':
          return { identity: identity! }
        case 'refused':
          throw refused(this.#options.to, errorCode)
        case 'too-large':
          if (batch.block.codec === 'gzip') throw refused(this.#options.to, errorCode)
          batch = { identity, block: await gzipped(batch.block) }
          continue // nothing of it was written: the sequence is free
        case 'forgotten':
          batch = { ...batch, identity: null }
          break
        case 'again':
          batch = { ...batch, identity }
          break
      }
      await this.#pause()
    }
  }

  /** What the broker says, or 'again' with what came between; with the identity that was used, to be used again. */
  async #attempt(batch: Batch): Promise<{ identity: BatchIdentity | null; errorCode: number }> {
    const used = { ...batch }
    try {
      const errorCode = await unlessAborted(this.#produce(used), this.#signal)
      if (errorCode !== ERROR_CODE.none) this.#failed(refused(this.#options.to, errorCode))
      return { identity: used.identity, errorCode }
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!isGroupError(error)) throw error
      this.#failed(error)
      return { identity: used.identity, errorCode: UNANSWERED }
    }
  }

  /** Sets the identity of `batch` if it has none. */
  async #produce(batch: { -readonly [K in keyof Batch]: Batch[K] }): Promise<number> {
    const { to, port, requestTimeoutMs } = this.#options
    const leader = port.leaderOf(to)
    if (leader === null) throw noLeader(to)
    const connection = await port.connectionTo(leader)
    batch.identity ??= await newIdentity(connection)
    this.#signal.throwIfAborted() // nobody waits for it any more: nothing is to be written later than that
    const bytes = encodeRecordBatch(batch.block, batch.identity)
    const { errorCode } = await connection.produce({
      to,
      batch: bytes,
      timeoutMs: Math.floor(requestTimeoutMs / 2),
    })
    return errorCode
  }

  #failed(cause: GroupError): void {
    if (this.lastFailure === null) this.#options.troubled(cause)
    this.lastFailure = cause
  }

  async #pause(): Promise<void> {
    await this.#backoff.wait(this.#signal)
    try {
      await unlessAborted(this.#options.port.refresh(), this.#signal)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!isGroupError(error)) throw error
      this.#failed(error) // what is known of the leaders has to do
    }
  }
}

/** In the place of an error code: the connection ended before the answer, or there was none. */
const UNANSWERED = -1

type Verdict = 'written' | 'too-large' | 'refused' | 'forgotten' | 'again'

const VERDICTS: Readonly<Record<number, Verdict>> = {
  [ERROR_CODE.none]: 'written',
  [ERROR_CODE.duplicateSequence]: 'written', // sequences are used once: it is this very batch
  [ERROR_CODE.messageTooLarge]: 'too-large',
  [ERROR_CODE.recordListTooLarge]: 'too-large',
  [ERROR_CODE.corruptMessage]: 'refused', // of a topic that is compacted: a record without a key
  [ERROR_CODE.invalidRecord]: 'refused',
  [ERROR_CODE.invalidTimestamp]: 'refused',
  [ERROR_CODE.outOfOrderSequence]: 'forgotten',
  [ERROR_CODE.invalidProducerEpoch]: 'forgotten',
  [ERROR_CODE.unknownProducerId]: 'forgotten',
}

/** Whatever else a broker says may be different a moment later: leaders move, replicas come back, rights are granted. */
function verdictOn(errorCode: number): Verdict {
  return VERDICTS[errorCode] ?? 'again'
}

async function newIdentity(connection: Pick<BrokerConnection, 'initProducerId'>): Promise<BatchIdentity> {
  const { errorCode, producerId, producerEpoch } = await connection.initProducerId()
  if (errorCode === ERROR_CODE.none) return { producerId, producerEpoch, firstSequence: 0 }
  throw new GroupError('BROKER_REFUSED', `a broker gives no producer id: ${errorCodeName(errorCode)}`, {
    details: { errorCode },
  })
}

const compress = promisify(gzip)

async function gzipped(block: RecordBlock): Promise<RecordBlock> {
  return { ...block, codec: 'gzip', bytes: await compress(block.bytes) }
}

export function noLeader(to: TopicPartition): GroupError {
  return new GroupError('BROKER_DISCONNECTED', `${partitionName(to)} has no leader`, { details: { ...to } })
}

function refused(to: TopicPartition, errorCode: number): GroupError {
  return new GroupError(
    'BROKER_REFUSED',
    `the leader of ${partitionName(to)} refused to write: ${errorCodeName(errorCode)}`,
    { details: { ...to, errorCode } },
  )
}

function gaveUp(to: TopicPartition, afterMs: number, cause: GroupError | null): GroupError {
  const why = cause === null ? 'no answer' : cause.message
  return new GroupError(
    'BROKER_DISCONNECTED',
    `nothing could be written to ${partitionName(to)} for ${afterMs} ms: ${why}`,
    { details: { ...to }, cause: cause ?? undefined },
  )
}
