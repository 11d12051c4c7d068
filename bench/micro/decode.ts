/**
 * What one record costs: the cursor alone, with a record object, with its value, and kafkajs on the same bytes.
 * Medians over rounds in which everybody takes turns, so that a busy machine slows all alike.
 *
 *     node .build/bench/micro/decode.js [--json]
 */
import { createRequire } from 'node:module'
import { performance } from 'node:perf_hooks'
import { crc32c } from '@node-rs/crc32'
import { RecordCursor } from '#src/worker/decode/record-cursor.js'
import { valueDecoder } from '#src/worker/decode/value-decoders.js'
import { LaneRecord } from '#src/worker/record.js'

const RESPONSE_BYTES = 2 ** 20
const BATCH_BYTES = 16 * 1024
const ROUNDS = 41
const WARM_UP = 10

const require = createRequire(import.meta.url)

interface Encoded {
  buffer: Buffer
}
interface Shape {
  title: string
  valueBytes: number
  headers: Record<string, string>
}
type Contender = (bytes: Buffer) => number | Promise<number>

const SHAPES: Shape[] = [
  { title: '100 B, no headers', valueBytes: 100, headers: {} },
  { title: '100 B, 2 headers', valueBytes: 100, headers: { trace: 'abcdef', source: 'web' } },
  { title: '1 KiB, no headers', valueBytes: 1024, headers: {} },
]

const cursor = new RecordCursor({ maxBatchBytes: 2 ** 24, readCommitted: true })
const origin = { topic: 'bench', partition: 0, decode: valueDecoder() }

const KAFKAJS = 'kafkajs decodeMessages'
const CONTENDERS: Record<string, Contender> = {
  'next()': bytes => {
    let sum = 0
    for (cursor.reset(bytes, 0, null); cursor.next();) sum += cursor.record.keyEnd
    return sum
  },
  'next(), record': bytes => {
    let sum = 0
    for (cursor.reset(bytes, 0, null); cursor.next();) sum += new LaneRecord(origin, cursor.record).size
    return sum
  },
  'next(), record, value': bytes => {
    let sum = 0
    for (cursor.reset(bytes, 0, null); cursor.next();) {
      const value = new LaneRecord(origin, cursor.record).value as Buffer
      sum += value.length
    }
    return sum
  },
  'CRC32C of the batches (part of next)': bytes => {
    let sum = 0
    for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8))
      sum += crc32c(bytes.subarray(at + 21, at + 12 + bytes.readInt32BE(at + 8)))
    return sum
  },
  [KAFKAJS]: decodeWithKafkajs,
}

async function decodeWithKafkajs(bytes: Buffer): Promise<number> {
  const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object
  const decode = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages') as (
    decoder: object,
  ) => Promise<unknown[]>
  const sized = Buffer.allocUnsafe(4 + bytes.length)
  sized.writeInt32BE(bytes.length)
  bytes.copy(sized, 4)
  return (await decode(new Decoder(sized))).length
}

/** Batches as kafkajs encodes them, with the CRC it leaves to the broker to check and offsets as the broker gives them. */
async function encodeResponse(shape: Shape): Promise<{ bytes: Buffer; records: number }> {
  const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
    RecordBatch: (batch: object) => Promise<Encoded>
  }
  const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoded
  const { headers, valueBytes } = shape
  const perBatch = Math.floor(BATCH_BYTES / (valueBytes + 8))
  const batches: Buffer[] = []
  for (let records = 0, bytes = 0; bytes < RESPONSE_BYTES; records += perBatch) {
    const encoded = await RecordBatch({
      compression: 0,
      firstTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_000,
      producerId: -1,
      producerEpoch: -1,
      firstSequence: -1,
      lastOffsetDelta: perBatch - 1,
      records: Array.from({ length: perBatch }, (_, offsetDelta) =>
        Record({
          offsetDelta,
          timestampDelta: offsetDelta,
          key: null,
          value: Buffer.alloc(valueBytes, 'x'),
          headers,
        }),
      ),
    })
    const batch = Buffer.from(encoded.buffer)
    batch.writeBigInt64BE(BigInt(records))
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
    batches.push(batch)
    bytes += batch.length
  }
  return { bytes: Buffer.concat(batches), records: batches.length * perBatch }
}

/** Nanoseconds per record, by contender. */
async function measure(shape: Shape): Promise<Record<string, number>> {
  const { bytes, records } = await encodeResponse(shape)
  const samples = new Map(Object.keys(CONTENDERS).map(name => [name, [] as number[]]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(CONTENDERS)) {
      const start = performance.now()
      const result = run(bytes)
      if (result instanceof Promise) await result
      if (round >= WARM_UP) samples.get(name)!.push(((performance.now() - start) * 1e6) / records)
    }
  }
  return Object.fromEntries([...samples].map(([name, values]) => [name, median(values)]))
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

for (const shape of SHAPES) {
  const nanoseconds = await measure(shape)
  if (process.argv.includes('--json')) {
    console.log(
      JSON.stringify({ benchmark: 'decode', shape: shape.title, nanosecondsPerRecord: nanoseconds }),
    )
    continue
  }
  console.log(`\n${shape.title}: nanoseconds per record, and how many times faster than kafkajs`)
  for (const [name, value] of Object.entries(nanoseconds)) {
    const ratio = (nanoseconds[KAFKAJS]! / value).toFixed(1)
    console.log(`  ${name.padEnd(38)}${value.toFixed(1).padStart(9)}${`${ratio}x`.padStart(9)}`)
  }
}
