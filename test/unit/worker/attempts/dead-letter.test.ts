import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { GroupError } from '#src/shared/errors.js'
import type { DeadLetter } from '#src/shared/protocol.js'
import { deadLetterOf, transferables } from '#src/worker/attempts/dead-letter.js'
import { valueDecoder } from '#src/worker/decode/value-decoders.js'
import { LaneRecord } from '#src/worker/record.js'
import { cursorOver } from '../../../support/read-records.ts'
import { encodeBatch, reseal, type TestRecord } from '../../../support/record-batches.ts'

const FACTS = {
  lane: { topic: 't', partition: 1, epoch: 5n, lane: 0 },
  attempts: 3,
  error: new GroupError('HANDLER_FAILED', 'no'),
  threadId: 2,
}
const RECORD: TestRecord = {
  offset: 4,
  timestamp: 77,
  key: Buffer.from('key'),
  value: Buffer.from('value'),
  headers: [
    ['first', Buffer.from('1')],
    ['second', null],
    ['first', Buffer.alloc(0)],
  ],
}

function letterOf(bytes: Buffer, change: (record: LaneRecord) => void = () => {}): DeadLetter {
  const cursor = cursorOver(bytes)
  assert.ok(cursor.next())
  const record = new LaneRecord({ topic: 't', partition: 1, decode: valueDecoder() }, cursor.record)
  change(record)
  return deadLetterOf(record, FACTS)
}

function shown({ key, value, headers }: DeadLetter): unknown {
  const text = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString()
  return [text(key), text(value), headers.map(([name, bytes]) => [name, text(bytes)])]
}

const WHOLE = [
  'key',
  'value',
  [
    ['first', '1'],
    ['second', null],
    ['first', ''],
  ],
]

describe('a dead letter', () => {
  for (const codec of ['none', 'gzip'] as const) {
    it(`has the bytes of its record, headers in order with repeats and nulls (${codec})`, () => {
      assert.deepEqual(shown(letterOf(encodeBatch({ records: [RECORD], codec }))), WHOLE)
    })
  }

  it('has them, too, when the record was detached', () => {
    assert.deepEqual(shown(letterOf(encodeBatch({ records: [RECORD] }), record => record.detach())), WHOLE)
  })

  it('has what can be read of damaged headers', () => {
    const bytes = encodeBatch({ records: [RECORD] })
    bytes.writeUInt8(0x7e, bytes.indexOf('second') - 1) // the name now claims 63 bytes
    assert.deepEqual(shown(letterOf(reseal(bytes))), ['key', 'value', [['first', '1']]])
  })

  it('tells empty parts from missing ones', () => {
    const empty = Buffer.alloc(0)
    assert.deepEqual(shown(letterOf(encodeBatch({ records: [{ offset: 0, key: empty, value: empty }] }))), [
      '',
      '',
      [],
    ])
    assert.deepEqual(shown(letterOf(encodeBatch({ records: [{ offset: 0, key: null, value: null }] }))), [
      null,
      null,
      [],
    ])
  })

  it('goes to another thread with its own memory and no more', async () => {
    const { port1, port2 } = new MessageChannel()
    const letter = letterOf(encodeBatch({ records: [RECORD] }))
    const memory = transferables(letter)
    assert.equal(
      memory.reduce((sum, { byteLength }) => sum + byteLength, 0),
      'keyvalue1'.length,
    )
    port1.postMessage(letter, memory)
    const [received] = (await once(port2, 'message')) as [DeadLetter]
    port1.close()
    assert.deepEqual(shown(received), WHOLE)
    assert.equal(letter.value!.byteLength, 0)
  })
})
