import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cursorOver, readOffsets, readRecords, readToError } from '../../../support/read-records.ts'
import {
  compress,
  encodeMessage,
  encodeWrapper,
  resealMessage,
  type TestMessage,
} from '../../../support/record-batches.ts'

const codecs = ['gzip', 'snappy', 'xerial', 'lz4'] as const

describe('messages of format 0 and 1', () => {
  it('keep null keys and values, and have no headers', () => {
    const [record] = readRecords(encodeMessage({ magic: 1, offset: 3, timestamp: 7 }))
    assert.deepEqual([record?.key, record?.value, record?.timestamp], [null, null, 7])
    assert.deepEqual(Object.keys(record!.headers), [])
    assert.equal(record?.size, 0)
  })

  it('advance the next offset one by one', () => {
    const bytes = Buffer.concat([
      encodeMessage({ magic: 0, offset: 3 }),
      encodeMessage({ magic: 0, offset: 9 }),
    ])
    const cursor = cursorOver(bytes, { from: 1 })
    const seen: number[] = []
    while (cursor.next()) seen.push(cursor.nextOffset)
    assert.deepEqual(seen, [4, 10])
  })

  it('before the fetch offset are skipped within a wrapper', () => {
    const messages = [4, 5, 6, 7].map(offset => ({ magic: 1 as const, offset }))
    const cursor = cursorOver(encodeWrapper({ magic: 1, codec: 'gzip', messages }), { from: 6 })
    const seen: number[][] = []
    while (cursor.next()) seen.push([cursor.record.offset, cursor.nextOffset])
    assert.deepEqual(seen, [
      [6, 7],
      [7, 8],
    ])
  })

  it('keep their gaps in a wrapper of format 1, whose offset is that of its last message', () => {
    const messages = [10, 12, 19].map(offset => ({ magic: 1 as const, offset }))
    for (const codec of codecs)
      assert.deepEqual(readOffsets(encodeWrapper({ magic: 1, codec, messages })), [10, 12, 19])
  })

  it('are read one by one, however many a wrapper holds', () => {
    const count = 1_000_000
    const message = encodeMessage({ magic: 0, offset: 0 })
    const inner = Buffer.alloc(count * message.length, message)
    for (let offset = 0; offset < count; offset++)
      inner.writeBigInt64BE(BigInt(offset), offset * message.length) // not under the CRC
    const value = compress(inner, 'gzip')
    const wrapper = encodeMessage({ magic: 0, offset: count - 1, attributes: 1, value })
    const cursor = cursorOver(wrapper, { maxBatchBytes: inner.length })
    const before = process.memoryUsage().heapUsed
    assert.ok(cursor.next())
    const grown = process.memoryUsage().heapUsed - before
    assert.ok(grown < count * 20, `${grown} bytes of heap`) // an object takes 100 and more
    let read = 1
    while (cursor.next()) read += 1
    assert.deepEqual([read, cursor.nextOffset], [count, count])
  })

  it("take a wrapper's log append time", () => {
    const messages = [{ magic: 1 as const, offset: 0, timestamp: 5 }]
    const records = readRecords(encodeWrapper({ magic: 1, codec: 'gzip', messages, appendTime: 77 }))
    assert.deepEqual(
      records.map(({ timestamp }) => timestamp),
      [77],
    )
  })
})

describe('a damaged old message', () => {
  const refused: Record<string, Buffer> = {
    'with a wrong CRC': flip(encodeMessage({ magic: 1, offset: 5, value: Buffer.from('v') }), -1),
    'whose key is longer than it': withInt32(encodeMessage({ magic: 1, offset: 5 }), 26, 100),
    'whose key has a negative length': withInt32(encodeMessage({ magic: 1, offset: 5 }), 26, -2),
    'whose value does not end with it': withInt32(
      encodeMessage({ magic: 1, offset: 5, value: Buffer.from('v') }),
      30,
      0,
    ),
    'that is a wrapper without a value': encodeMessage({ magic: 1, offset: 5, attributes: 1 }),
    'that wraps nothing': encodeWrapper({ magic: 1, codec: 'gzip', messages: [], offset: 5 }),
    'that wraps more offsets than there are below it': encodeWrapper({
      magic: 1,
      codec: 'gzip',
      messages: [message(5), message(20)],
      offset: 5,
    }),
    'that wraps offsets beyond its own': encodeWrapper({
      magic: 0,
      codec: 'gzip',
      messages: [
        { magic: 0, offset: 4 },
        { magic: 0, offset: 6 },
      ],
      offset: 5,
    }),
    'that wraps offsets out of order': encodeWrapper({
      magic: 0,
      codec: 'gzip',
      messages: [
        { magic: 0, offset: 5 },
        { magic: 0, offset: 3 },
      ],
      offset: 5,
    }),
    'that wraps a damaged one': wrapping(
      flip(encodeMessage({ magic: 1, offset: 0, key: Buffer.from('k') }), -1),
    ),
    'that wraps a part of one': wrapping(encodeMessage({ magic: 1, offset: 0 }).subarray(0, -1)),
    'that wraps a wrapper': wrapping(encodeWrapper({ magic: 1, codec: 'gzip', messages: [message(0)] })),
  }
  for (const [what, bytes] of Object.entries(refused)) {
    it(`${what} is refused with its offset`, () => {
      const { error, records } = readToError(bytes)
      assert.equal(error?.code, 'BATCH_CORRUPT')
      assert.equal(error.details['offset'], 5)
      assert.deepEqual(records, [])
    })
  }

  it('compressed with Zstandard, which came later, is unsupported', () => {
    const bytes = encodeMessage({ magic: 1, offset: 5, attributes: 4, value: Buffer.from('v') })
    assert.equal(readToError(bytes).error?.code, 'CODEC_UNSUPPORTED')
  })

  it('that unwraps to more than allowed is refused', () => {
    const big = { ...message(0), value: Buffer.alloc(5000) }
    const bytes = encodeWrapper({ magic: 1, codec: 'gzip', messages: [big] })
    assert.equal(readToError(bytes, { maxBatchBytes: 4000 }).error?.code, 'BATCH_TOO_LARGE')
  })
})

describe('random old messages', () => {
  it('are read as kafkajs reads them', async () => {
    const anyMessage = fc.record({
      gap: fc.integer({ min: 1, max: 5 }),
      timestamp: fc.integer({ min: 0, max: 2 ** 41 }),
      key: fc.option(fc.uint8Array({ maxLength: 9 })),
      value: fc.option(fc.uint8Array({ maxLength: 40 })),
    })
    const anySet = fc.record({
      magic: fc.constantFrom(0 as const, 1 as const),
      wrapped: fc.boolean(),
      messages: fc.array(anyMessage, { minLength: 1, maxLength: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(anySet, { minLength: 1, maxLength: 4 }), async sets => {
        const bytes = encodeSets(sets)
        const ours = readRecords(bytes).map(({ offset, key, value }) => [offset.toString(), key, value])
        assert.deepEqual(ours, await readWithKafkajs(bytes))
      }),
      { numRuns: 50 },
    )
  })
})

interface AnySet {
  magic: 0 | 1
  wrapped: boolean
  messages: { gap: number; timestamp: number; key: Uint8Array | null; value: Uint8Array | null }[]
}

function encodeSets(sets: AnySet[]): Buffer {
  let offset = 0
  return Buffer.concat(
    sets.map(({ magic, wrapped, messages }) => {
      const placed = messages.map(({ gap, timestamp, key, value }): TestMessage => {
        offset += gap
        return { magic, offset, timestamp, key: key && Buffer.from(key), value: value && Buffer.from(value) }
      })
      return wrapped
        ? encodeWrapper({ magic, codec: 'gzip', messages: placed })
        : Buffer.concat(placed.map(encodeMessage))
    }),
  )
}

async function readWithKafkajs(bytes: Buffer): Promise<unknown[]> {
  const require = createRequire(import.meta.url)
  const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object
  const decode = require('kafkajs/src/protocol/messageSet/decoder') as (
    decoder: object,
    size: number,
  ) => Promise<{ offset: string; key: Buffer | null; value: Buffer | null }[]>
  const messages = await decode(new Decoder(bytes), bytes.length)
  return messages.map(({ offset, key, value }) => [offset, key, value])
}

function message(offset: number): TestMessage {
  return { magic: 1, offset }
}

function wrapping(inner: Buffer): Buffer {
  return encodeMessage({ magic: 1, offset: 5, attributes: 1, value: compress(inner, 'gzip') })
}

function flip(bytes: Buffer, at: number): Buffer {
  const index = at < 0 ? bytes.length + at : at
  bytes.writeUInt8(bytes[index]! ^ 1, index)
  return bytes
}

function withInt32(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeInt32BE(value, at)
  return resealMessage(bytes)
}
