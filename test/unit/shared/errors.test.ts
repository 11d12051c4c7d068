import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupError, isGroupError, messageOf, toError } from '#src/shared/errors.js'
import { HOSTILE } from '../../support/hostile.ts'

describe('what was thrown', () => {
  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`can be looked at when it is ${name}`, () => {
      const thrown = make()
      assert.ok(toError(thrown) instanceof Error)
      assert.equal(typeof messageOf(thrown), 'string')
      assert.notEqual(messageOf(thrown), '')
      assert.equal(isGroupError(thrown), false)
      assert.equal(isGroupError(thrown, 'INTERNAL'), false)
    })
  }

  it('is told in its own words, as far as there are any', () => {
    assert.equal(messageOf(new Error('words')), 'words')
    assert.equal(messageOf('words'), 'thrown value: words')
    assert.equal(messageOf({ toString: () => 'words' }), 'thrown value: words')
    assert.equal(messageOf(Object.assign(new Error(), { message: Symbol('words') })), 'Symbol(words)')
    assert.equal(messageOf(Object.create(null)), 'thrown value: [object Object]')
  })

  it('keeps its identity when it is an error', () => {
    const error = new TypeError('same')
    assert.equal(toError(error), error)
  })
})

describe('an error of this package', () => {
  it('is told from others by its class and its code', () => {
    const error = new GroupError('CLAIM_LOST', 'gone')
    assert.equal(isGroupError(error), true)
    assert.equal(isGroupError(error, 'CLAIM_LOST'), true)
    assert.equal(isGroupError(error, 'INTERNAL'), false)
    assert.equal(isGroupError(Object.assign(new Error('gone'), { code: 'CLAIM_LOST' })), false)
  })

  it('has none of the codes when somebody made its code unreadable', () => {
    const error = Object.defineProperty(new GroupError('CLAIM_LOST', 'gone'), 'code', {
      get: () => assert.fail('read'),
    })
    assert.equal(isGroupError(error), true)
    assert.equal(isGroupError(error, 'CLAIM_LOST'), false)
  })
})
