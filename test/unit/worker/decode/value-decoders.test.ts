import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { pack } from 'msgpackr'
import type { KafkaRecord } from '#src/handler.js'
import { returnsView, valueDecoder, ValueFault } from '#src/worker/decode/value-decoders.js'

const record = {} as KafkaRecord

function badRegularExpression(source: string): Buffer {
  const parts = pack([source, ''])
  return Buffer.concat([Buffer.from([0xc7, parts.length, 0x78]), parts])
}

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

  const damaged: [option: 'json' | 'msgpack', what: string, bytes: Buffer][] = [
    ['json', 'a bare word', Buffer.from('hunter2')],
    ['json', 'a bare word in an object', Buffer.from('{"password": hunter2}')],
    ['json', 'a long text around the fault', Buffer.from(`["${'x'.repeat(99)}", hunter2, "hunter2"]`)],
    ['json', 'something behind it', Buffer.from('{"password": "hunter2"} hunter2')],
    ['json', 'a text that does not end', Buffer.from('{"password": "hunter2')],
    ['json', 'a control character', Buffer.from('"hunter2\u0001"')],
    ['msgpack', 'something behind it', Buffer.concat([pack({ password: 'hunter2' }), pack('hunter2')])],
    ['msgpack', 'a text that does not end', pack('hunter2').subarray(0, -1)],
    ['msgpack', 'an unknown extension', Buffer.from('d4ff68756e74657232', 'hex')],
    // Extension 0x78 is a regular expression: [source, flags].
    ['msgpack', 'a bad regular expression', badRegularExpression('(hunter2')],
  ]
  for (const [option, what, bytes] of damaged) {
    it(`'${option}' quotes nothing of a value with ${what}`, () => {
      assert.throws(
        () => valueDecoder(option)(bytes, record),
        (fault: unknown) => fault instanceof ValueFault && !inspect(fault).includes('hunter'),
      )
    })
  }

  it("'json' tells the place of a fault if its parser does, under the parser's name", () => {
    assert.throws(() => valueDecoder('json')(Buffer.from('[1,2] 3'), record), {
      name: 'SyntaxError',
      message: /^not valid JSON \(at position 6/,
    })
  })

  it('is the given function', () => {
    const decode = (): number => 1
    assert.equal(valueDecoder(decode), decode)
    assert.ok(!returnsView(decode))
  })
})
