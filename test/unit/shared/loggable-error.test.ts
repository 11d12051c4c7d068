import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { toLoggable, toLoggableWire } from '#src/shared/loggable-error.js'
import { HOSTILE } from '../../support/hostile.ts'
import { loggerInMemory } from '../../support/logger-in-memory.ts'

const SECRET = 'hunter2'

function decodeFailed(): GroupError {
  const decoder = Object.assign(new TypeError(`no such format: ${SECRET}\n    at ${SECRET}`), {
    code: SECRET,
  })
  decoder.cause = new Error(SECRET)
  return new GroupError('DECODE_FAILED', 'the value cannot be decoded', {
    details: { offset: 7 },
    cause: decoder,
  })
}

describe('an error for the log', () => {
  it('is told with its code, message and causes by the default logger', () => {
    const { logger, lines } = loggerInMemory()
    const cause = Object.assign(new Error('why'), { code: 'E_WHY' })
    logger.error({ err: toLoggable(new GroupError('INTERNAL', 'what', { cause })) }, 'failed')
    assert.match(lines[0]!.err.message, /what: why/)
    assert.match(lines[0]!.err.stack, /caused by: Error: why\n +at /)
  })

  it('says once what its message has of its cause already, and still shows where that was thrown', () => {
    const { logger, lines } = loggerInMemory()
    const thrown = new Error('no such file', { cause: new Error('ENOENT') })
    const error = new GroupError('HANDLER_FAILED', 'the handler failed: no such file; it stops there', {
      cause: thrown,
    })
    logger.error({ err: toLoggable(error) }, 'failed')
    assert.equal(lines[0]!.err.message, 'the handler failed: no such file; it stops there: ENOENT')
    assert.match(
      lines[0]!.err.stack,
      /^GroupError: the handler.*caused by: Error: no such file\n +at .*caused by: Error: ENOENT\n +at /s,
    )
  })

  for (const [depth, wrap] of [
    ['alone', (error: Error) => error],
    [
      'as the cause of another',
      (error: Error) => new Error('outer', { cause: new Error('middle', { cause: error }) }),
    ],
  ] as const) {
    it(`has no word of what made a value undecodable, but its name (${depth})`, () => {
      const { logger, lines } = loggerInMemory()
      logger.error({ err: toLoggable(wrap(decodeFailed())) }, 'failed')
      assert.doesNotMatch(JSON.stringify(lines), new RegExp(SECRET))
      assert.match(lines[0]!.err.message, /the value cannot be decoded: \(left out of logs/)
      assert.match(lines[0]!.err.stack, /caused by: TypeError: \(left out/)
      assert.doesNotMatch(JSON.stringify(toLoggableWire(wrap(decodeFailed()))), new RegExp(SECRET))
    })
  }

  it('leaves the error itself as it is', () => {
    const error = decodeFailed()
    assert.ok(isGroupError(toLoggable(error), 'DECODE_FAILED'))
    assert.match((error.cause as Error).message, new RegExp(SECRET))
  })

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`can be made of ${name}`, () => {
      const { logger, lines } = loggerInMemory()
      logger.error({ err: toLoggable(make()) }, 'failed')
      assert.equal(lines.length, 1)
    })
  }
})
