import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { fromWire, toWire, type ErrorWire } from '#src/shared/error-wire.js'
import { ERROR_CODES, GroupError, isGroupError, type ErrorCode } from '#src/shared/errors.js'
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

  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    it(`keep all of it with the code ${code}, over a port`, async () => {
      const details = {
        topic: 't',
        partition: 3,
        offset: 9,
        attempt: 2,
        threadId: 1,
        epoch: 7n,
        isFinal: true,
      }
      const cause = Object.assign(new RangeError('deep'), { code: 'ECONNRESET' })
      const error = new GroupError(code, 'what happened', { details, cause })
      const back = await overPort(error)
      assert.ok(isGroupError(back, code))
      const { name, message, stack, retryable } = error
      assert.deepEqual(
        [back.name, back.message, back.stack, back.retryable],
        [name, message, stack, retryable],
      )
      assert.deepEqual(back.details, details)
      const {
        name: causeName,
        message: causeMessage,
        stack: causeStack,
        code: causeCode,
      } = back.cause as typeof cause
      assert.deepEqual(
        [causeName, causeMessage, causeStack, causeCode],
        ['RangeError', 'deep', cause.stack, 'ECONNRESET'],
      )
    })
  }

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`can be made of ${name}`, () => {
      const back = fromWire(structuredClone(toWire(make())))
      assert.ok(back instanceof Error)
      assert.notEqual(back.message, '')
    })
  }

  it('tell each error of a circle of causes once, and an end of causes that have none', () => {
    const outer = new Error('outer')
    outer.cause = new Error('inner', { cause: outer })
    assert.deepEqual(messagesOf(toWire(outer)), ['outer', 'inner'])
    class Endless extends Error {
      override get cause(): Error {
        return new Endless('more')
      }
    }
    assert.equal(messagesOf(toWire(new Endless('more'))).length, 9)
  })

  it('can be made of values that are no errors', () => {
    for (const thrown of ['text', undefined, null, 42, Object.freeze({ a: 1 }), Symbol('s')])
      assert.ok(fromWire(structuredClone(toWire(thrown))) instanceof Error)
    assert.match(toWire('text').message, /text/)
  })
})

function messagesOf({ message, cause }: ErrorWire): string[] {
  return [message, ...(cause === undefined ? [] : messagesOf(cause))]
}

async function overPort(error: GroupError): Promise<Error> {
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(toWire(error))
    const [wire] = (await once(port2, 'message')) as [ErrorWire]
    return fromWire(wire)
  } finally {
    port1.close()
  }
}
