import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cutUtf8, encodeLetter, withoutOwnHeaders } from '#src/coordinator/dead-letters/letter-format.js'
import { toWire } from '#src/shared/error-wire.js'
import { GroupError } from '#src/shared/errors.js'
import type { DeadLetter } from '#src/shared/protocol.js'
import { letterOf } from '../../../support/dead-letters.ts'
import { HOSTILE } from '../../../support/hostile.ts'

const SENDER = { groupId: 'g', memberId: 'm' }

function headersOf(letter: DeadLetter): [string, string | null][] {
  const { headers } = encodeLetter(letter, SENDER, 5)
  return headers.map(([name, value]) => [name, value === null ? null : Buffer.from(value).toString()])
}

function errorHeaders(error: DeadLetter['error']): Record<string, string | null> {
  return Object.fromEntries(headersOf(letterOf({ error })).filter(([name]) => name.startsWith('x-kwg-error')))
}

describe('the format of a dead letter', () => {
  it('leaves key and value alone and takes the time of its writing', () => {
    for (const bytes of [null, Buffer.alloc(0), Buffer.from([0xff])]) {
      const { key, value, timestamp } = encodeLetter(letterOf({ key: bytes, value: bytes }), SENDER, 5)
      assert.deepEqual({ key, value, timestamp }, { key: bytes, value: bytes, timestamp: 5 })
    }
  })

  it('keeps headers in their order and replaces those of an earlier round', () => {
    const headers = [
      ['b', Buffer.from('1')],
      ['x-kwg-topic', Buffer.from('of before')],
      ['a', null],
      ['x-kwg-replayed-from', Buffer.from('somewhere')],
      ['b', Buffer.from('2')],
      ['X-KWG-topic', Buffer.from('not ours')],
    ] as const
    const found = headersOf(letterOf({ headers }))
    assert.deepEqual(found.slice(0, 4), [
      ['b', '1'],
      ['a', null],
      ['b', '2'],
      ['X-KWG-topic', 'not ours'],
    ])
    assert.deepEqual(
      found.slice(4).map(([name]) => name),
      [
        ...['topic', 'partition', 'offset', 'timestamp', 'group', 'member', 'attempts'],
        ...['error-name', 'error-code', 'error-message', 'error-stack'],
      ].map(name => `x-kwg-${name}`),
    )
    assert.deepEqual(withoutOwnHeaders(headers).length, 4)
  })

  it('tells of what the handler threw, not of our error around it', () => {
    const thrown = Object.assign(new TypeError('broken'), { code: 'E_MINE' })
    const wrapped = new GroupError('HANDLER_FAILED', 'the handler threw', { cause: thrown })
    assert.deepEqual(errorHeaders(toWire(wrapped)), {
      'x-kwg-error-name': 'TypeError',
      'x-kwg-error-code': 'E_MINE',
      'x-kwg-error-message': 'broken',
      'x-kwg-error-stack': thrown.stack,
    })
    const timeout = new GroupError('HANDLER_TIMEOUT', 'too long', { cause: thrown })
    assert.equal(errorHeaders(toWire(timeout))['x-kwg-error-code'], 'HANDLER_TIMEOUT')
  })

  it('has all headers whatever was thrown', () => {
    const thrown = Object.values(HOSTILE).map(make => make())
    for (const value of [...thrown, undefined, 'text', new Error()]) {
      const headers = errorHeaders(toWire(value))
      assert.equal(Object.keys(headers).length, 4)
      assert.equal(typeof headers['x-kwg-error-code'], 'string')
    }
    assert.deepEqual(errorHeaders({ name: '', message: '', stack: '' }), {
      'x-kwg-error-name': '',
      'x-kwg-error-code': 'HANDLER_FAILED',
      'x-kwg-error-message': '',
      'x-kwg-error-stack': '',
    })
  })

  it('cuts stacks to 4 KiB, never inside of a character', () => {
    for (const character of ['a', 'é', '€', '😀']) {
      for (const before of ['', 'x', 'xx', 'xxx']) {
        const text = before + character.repeat(5_000)
        const cut = cutUtf8(text, 4_096)
        assert.ok(cut.length <= 4_096 && cut.length > 4_096 - Buffer.byteLength(character))
        assert.ok(text.startsWith(cut.toString()))
      }
    }
    assert.equal(cutUtf8('short', 4_096).toString(), 'short')
    const stack = errorHeaders({ name: 'E', message: 'm', stack: '€'.repeat(9_000) })['x-kwg-error-stack']
    assert.equal(stack, '€'.repeat(1_365))
  })
})
