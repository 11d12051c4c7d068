import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { ValueDecoder } from '#src/handler.js'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { valueDecoder } from '#src/worker/decode/value-decoders.js'
import { LaneRecord } from '#src/worker/record.js'
import { HOSTILE } from '../../support/hostile.ts'
import { cursorOver } from '../../support/read-records.ts'
import { encodeBatch, encodeMessage, reseal, type TestRecord } from '../../support/record-batches.ts'

const SECRET = 'the payload'
const full: TestRecord = {
  offset: 2 ** 40,
  timestamp: 1_700_000_000_000,
  key: Buffer.from('key'),
  value: Buffer.from(SECRET),
  headers: [
    ['once', Buffer.from('a')],
    ['twice', Buffer.from('b')],
    ['twice', Buffer.from('c')],
  ],
}

function recordOf(bytes: Buffer, decode: ValueDecoder = valueDecoder(), attempt?: number): LaneRecord {
  const cursor = cursorOver(bytes)
  assert.ok(cursor.next())
  return new LaneRecord({ topic: 'uploads', partition: 3, decode }, cursor.record, attempt)
}

describe('a record', () => {
  it('has the fields of the contract', () => {
    const record = recordOf(encodeBatch({ records: [full] }))
    assert.equal(record.topic, 'uploads')
    assert.equal(record.partition, 3)
    assert.equal(record.offset, 2n ** 40n)
    assert.equal(record.timestamp, 1_700_000_000_000)
    assert.equal(record.key?.toString(), 'key')
    assert.equal(String(record.value), SECRET)
    assert.equal(record.size, 3 + SECRET.length)
    assert.equal(record.attempt, 1)
  })

  it('tells a later attempt', () => {
    assert.equal(recordOf(encodeBatch({ records: [full] }), valueDecoder(), 4).attempt, 4)
  })

  it('makes its parts once', () => {
    const record = recordOf(encodeBatch({ records: [full] }))
    assert.equal(record.key, record.key)
    assert.equal(record.value, record.value)
    assert.equal(record.headers, record.headers)
  })

  it('keeps its fields while the cursor moves on', () => {
    const cursor = cursorOver(
      encodeBatch({ records: [full, { ...full, offset: full.offset + 1, key: null }] }),
    )
    cursor.next()
    const first = new LaneRecord({ topic: 't', partition: 0, decode: valueDecoder() }, cursor.record)
    while (cursor.next());
    assert.equal(first.offset, 2n ** 40n)
    assert.equal(first.key?.toString(), 'key')
    assert.deepEqual(Object.keys(first.headers), ['once', 'twice'])
  })

  it('shows itself in logs and JSON without its payload', () => {
    const record = recordOf(encodeBatch({ records: [full] }))
    const json = JSON.parse(JSON.stringify(record)) as object
    assert.deepEqual(json, {
      topic: 'uploads',
      partition: 3,
      offset: String(2 ** 40),
      timestamp: 1_700_000_000_000,
      size: 3 + SECRET.length,
      attempt: 1,
    })
    const shown = inspect({ nested: [record] }, { depth: 4 })
    assert.match(shown, /KafkaRecord \{[^}]*topic: 'uploads'[^}]*offset: 1099511627776n/)
    assert.doesNotMatch(shown, /payload|Buffer/)
  })
})

describe('the headers of a record', () => {
  it('are single buffers, or arrays where a name occurs more than once', () => {
    const { headers } = recordOf(encodeBatch({ records: [full] }))
    assert.deepEqual({ ...headers }, { once: Buffer.from('a'), twice: [Buffer.from('b'), Buffer.from('c')] })
  })

  it('are empty when there are none', () => {
    assert.deepEqual(Object.keys(recordOf(encodeBatch({ records: [{ offset: 0 }] })).headers), [])
  })

  it('may be damaged beyond what the CRC tells: a clear error that names the record', () => {
    const bytes = encodeBatch({ records: [full] })
    bytes.writeUInt8(0x7e, bytes.indexOf('once') - 1) // the name now claims 63 bytes
    const record = recordOf(reseal(bytes))
    assert.throws(
      () => record.headers,
      (error: unknown) =>
        isGroupError(error, 'BATCH_CORRUPT') &&
        error.details['offset'] === 2n ** 40n &&
        error.cause !== undefined,
    )
    assert.equal(String(record.value), SECRET)
  })
})

describe('the value of a record', () => {
  it('is decoded once, when first read, from its bytes and with the record at hand', () => {
    const calls: unknown[][] = []
    const record = recordOf(encodeBatch({ records: [full] }), (bytes, of) => {
      calls.push([bytes.toString(), of.offset])
      return { calls: calls.length }
    })
    assert.equal(calls.length, 0)
    assert.deepEqual(record.value, { calls: 1 })
    assert.equal(record.value, record.value)
    assert.deepEqual(calls, [[SECRET, 2n ** 40n]])
  })

  it('may be decoded to undefined, once too', () => {
    let calls = 0
    const record = recordOf(encodeBatch({ records: [full] }), () => {
      calls++
    })
    assert.equal(record.value, undefined)
    assert.equal(record.value, undefined)
    assert.equal(calls, 1)
  })

  it('is null without a decoder when the record has none', () => {
    const decode = (): never => assert.fail('called for null')
    assert.equal(recordOf(encodeBatch({ records: [{ offset: 0 }] }), decode).value, null)
  })

  it('throws DECODE_FAILED with its place and cause whenever it is read, and keeps the payload out of the message', () => {
    let calls = 0
    const cause = new SyntaxError(`Unexpected token in ${SECRET}`)
    const record = recordOf(encodeBatch({ records: [full] }), () => {
      calls++
      throw cause
    })
    for (let reads = 0; reads < 2; reads++) {
      assert.throws(
        () => record.value,
        (error: unknown) => {
          assert.ok(error instanceof GroupError)
          assert.equal(error.code, 'DECODE_FAILED')
          assert.deepEqual(error.details, { topic: 'uploads', partition: 3, offset: 2n ** 40n })
          assert.equal(error.cause, cause)
          assert.doesNotMatch(error.message, /payload/)
          return true
        },
      )
    }
    assert.equal(calls, 1)
    assert.equal(record.key?.toString(), 'key')
  })

  it('tells in DECODE_FAILED what a built-in decoder found, which quotes nothing', () => {
    const value = Buffer.from(`{} ${SECRET}`)
    const record = recordOf(encodeBatch({ records: [{ ...full, value }] }), valueDecoder('json'))
    assert.throws(
      () => record.value,
      (error: unknown) => {
        assert.ok(isGroupError(error, 'DECODE_FAILED'))
        assert.match(error.message, /of uploads\/3 cannot be decoded: it is not valid JSON \(at position 3/)
        assert.doesNotMatch(inspect(error), /payload/)
        return true
      },
    )
  })

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`is DECODE_FAILED also when its decoder throws ${name}`, () => {
      const record = recordOf(encodeBatch({ records: [full] }), () => {
        throw make()
      })
      assert.throws(
        () => record.value,
        (error: unknown) => isGroupError(error, 'DECODE_FAILED'),
      )
    })
  }

  it('cannot be read by its own decoder', () => {
    const record = recordOf(encodeBatch({ records: [full] }), (_, of) => of.value)
    assert.throws(
      () => record.value,
      (error: unknown) => isGroupError(error, 'DECODE_FAILED') && /must not read/.test(String(error.cause)),
    )
  })
})

describe('a detached record', () => {
  const cases: Record<string, Buffer> = {
    'with everything': encodeBatch({ records: [full] }),
    'with nothing': encodeBatch({ records: [{ offset: 2 ** 40 }] }),
    'with headers only': encodeBatch({ records: [{ offset: 2 ** 40, headers: full.headers! }] }),
    'with a key only': encodeBatch({ records: [{ offset: 2 ** 40, key: Buffer.from('key') }] }),
    'of a compressed batch': encodeBatch({ records: [full], codec: 'lz4' }),
    'of an old format': encodeMessage({ magic: 1, offset: 2 ** 40, key: full.key!, value: full.value! }),
  }
  for (const [what, bytes] of Object.entries(cases)) {
    it(`${what} reads as before, out of memory of its own`, () => {
      const record = recordOf(bytes)
      const before = contents(record)
      assert.equal(record.detach(), record)
      assert.deepEqual(contents(record), before)
      for (const part of parts(record)) {
        assert.notEqual(part.buffer, bytes.buffer)
        assert.ok(part.buffer.byteLength <= bytes.length, 'holds on to more than the record')
      }
      assert.deepEqual(contents(record.detach()), before)
    })
  }

  it('leaves the views that were read before alone', () => {
    const record = recordOf(encodeBatch({ records: [full] }))
    const { key, value } = record
    record.detach()
    assert.equal(key?.toString(), 'key')
    assert.equal(String(value), SECRET)
  })

  it('does not decode again what was decoded', () => {
    let calls = 0
    const record = recordOf(encodeBatch({ records: [full] }), () => ++calls)
    assert.equal(record.value, 1)
    assert.equal(record.detach().value, 1)
  })
})

function contents(record: LaneRecord): unknown[] {
  return [record.offset, record.key, record.value, { ...record.headers }, record.size, record.timestamp]
}

function parts(record: LaneRecord): Buffer[] {
  return [record.key, record.value as Buffer | null, ...Object.values(record.headers).flat()].filter(
    part => part !== null,
  )
}
