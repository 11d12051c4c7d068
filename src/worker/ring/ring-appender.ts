import { GroupError } from '../../shared/errors.ts'
import type { RingShape } from '../../shared/memory/ring/ring-layout.ts'
import { partitionName, type TopicPartition } from '../../shared/types.ts'
import type { RecordReader } from '../decode/record-reader.ts'
import { keyHash, laneOf } from './lane-hash.ts'
import type { RingWriter } from './ring-writer.ts'

/** Chooses the lane of each record, and leaves out those that were finished before the claim. */
export class RingAppender {
  readonly #partition: TopicPartition
  readonly #writer: RingWriter
  readonly #lanes: number
  readonly #hasKeys: boolean

  constructor(partition: TopicPartition, { ordering, lanes }: RingShape, writer: RingWriter) {
    this.#partition = partition
    this.#writer = writer
    this.#lanes = lanes
    this.#hasKeys = ordering === 'key'
  }

  /** False if there is no room now. @throws RECORD_TOO_LARGE: there never is */
  append(record: RecordReader): boolean {
    const hash = this.#hasKeys ? keyHash(record) : 0
    const lane = laneOf(record, hash, this.#lanes)
    const writer = this.#writer
    if (writer.isFinished(record.offset, lane) || writer.append(record, lane, hash)) return true
    const bytes = writer.bytesOf(record)
    if (bytes > writer.capacityBytes) throw this.#tooLarge(record, bytes)
    return false
  }

  #tooLarge({ offset }: RecordReader, bytes: number): GroupError {
    const { topic, partition } = this.#partition
    const { capacityBytes } = this.#writer
    return new GroupError(
      'RECORD_TOO_LARGE',
      `the record at offset ${offset} of ${partitionName(this.#partition)} takes ${bytes} bytes, and its ring has ${capacityBytes}; raise ringBytesPerPartition to read on, and fetch.maxBufferedBytes, half of which the rings of a member share`,
      { details: { topic, partition, offset, bytes, ringBytes: capacityBytes } },
    )
  }
}
