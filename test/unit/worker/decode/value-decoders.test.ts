import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pack } from 'msgpackr'
import type { KafkaRecord } from '#src/handler.js'
import { returnsView, valueDecoder } from '#src/worker/decode/value-decoders.js'

const record = {} as KafkaRecord

describe('the value decoder', () => {
  it('is the bytes themselves unless something else is asked for', () => {
    const bytes = Buffer.from('x')
    assert.equal(valueDecoder(undefined)(bytes, record), bytes)
    assert.equal(valueDecoder('buffer')(bytes, record), bytes)
    assert.ok(returnsView(valueDecoder(undefined)))
  })

  it("'string' reads UTF-8", () => {
    assert.equal(valueDecoder('string')(Buffer.from('häß'), record), 'häß')
  })

  it("'json' parses UTF-8 JSON and throws on anything else", () => {
    assert.deepEqual(valueDecoder('json')(Buffer.from('{"a":[1,"ü"]}'), record), { a: [1, 'ü'] })
    assert.throws(() => valueDecoder('json')(Buffer.from('{'), record), SyntaxError)
  })

  it("'msgpack' unpacks MessagePack, whose binary parts are copies, and throws on anything else", () => {
    const bytes = pack({ id: 7, blob: Buffer.from('blob') })
    const value = valueDecoder('msgpack')(bytes, record) as { id: number; blob: Buffer }
    assert.equal(value.id, 7)
    assert.equal(Buffer.from(value.blob).toString(), 'blob')
    assert.notEqual(value.blob.buffer, bytes.buffer)
    assert.throws(() => valueDecoder('msgpack')(bytes.subarray(0, -2), record))
  })

  it('is the given function', () => {
    const decode = (): number => 1
    assert.equal(valueDecoder(decode), decode)
    assert.ok(!returnsView(decode))
  })
})
