import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromWire, toWire } from '#src/shared/error-wire.js'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { HOSTILE } from '../../support/hostile.ts'

describe('errors as plain data', () => {
  it('survive with name, code, details, stack and causes', () => {
    const root = Object.assign(new TypeError('root'), { code: 'ENOENT' })
    const error = new GroupError('HANDLER_FAILED', 'broke', {
      details: { topic: 't', partition: 3, offset: 9n },
      cause: new Error('middle', { cause: root }),
    })
    const back = fromWire(structuredClone(toWire(error)))
    assert.ok(isGroupError(back, 'HANDLER_FAILED'))
    assert.deepEqual(back.details, error.details)
    assert.equal(back.stack, error.stack)
    const middle = back.cause as Error
    const deepest = middle.cause as Error & { code: string }
    assert.deepEqual(
      [middle.message, deepest.name, deepest.message, deepest.code],
      ['middle', 'TypeError', 'root', 'ENOENT'],
    )
  })

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`can be made of ${name}`, () => {
      const back = fromWire(structuredClone(toWire(make())))
      assert.ok(back instanceof Error)
      assert.notEqual(back.message, '')
    })
  }

  it('can be made of values that are no errors', () => {
    for (const thrown of ['text', undefined, null, 42, Object.freeze({ a: 1 }), Symbol('s')])
      assert.ok(fromWire(structuredClone(toWire(thrown))) instanceof Error)
    assert.match(toWire('text').message, /text/)
  })
})
