import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupError } from '#src/shared/errors.js'
import type { WorkerMessage } from '#src/shared/protocol.js'
import { toLogFields } from '#src/worker/handler/log-fields.js'
import { createPortLogger } from '#src/worker/handler/port-logger.js'

describe('fields of a log line on their way to the coordinator', () => {
  it('stay as they are when they are plain', () => {
    const fields = { a: 1, b: 'x', c: null, d: [1, { e: true }], f: 12n, g: undefined }
    assert.deepEqual(toLogFields(fields), fields)
  })

  it('carry errors with their code and cause', () => {
    const cause = Object.assign(new Error('why'), { code: 'E_WHY' })
    const { err } = toLogFields({ err: new GroupError('INTERNAL', 'what', { cause }) })
    const wire = err as { code: string; message: string; cause: { code: string } }
    assert.deepEqual([wire.code, wire.message, wire.cause.code], ['INTERNAL', 'what', 'E_WHY'])
    assert.ok('err' in toLogFields(new Error('alone')))
  })

  it('become text where structured clone would fail, or would copy what is behind a view', () => {
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    const fields = toLogFields({
      circular,
      method: () => 1,
      symbol: Symbol('s'),
      bytes: Buffer.alloc(2 ** 20).subarray(0, 2),
      nested: { bytes: Buffer.from('ab'), big: 1n },
    })
    assert.doesNotThrow(() => structuredClone(fields))
    assert.equal(fields['bytes'], '<Buffer 00 00>')
    assert.deepEqual(fields['nested'], { bytes: '<Buffer 61 62>', big: '1' })
    assert.ok(JSON.stringify(fields).length < 500)
  })

  it('survive getters that throw', () => {
    const fields = toLogFields({
      get broken(): never {
        throw new Error('no')
      },
    })
    assert.equal((fields['broken'] as { message: string }).message, 'no')
  })

  it('are empty for what is no object', () => {
    assert.deepEqual(toLogFields(null), {})
    assert.deepEqual(toLogFields(7), {})
  })
})

describe('the logger of a handler', () => {
  it('sends lines with their level, and takes a message alone as pino does', () => {
    const sent: WorkerMessage[] = []
    const logger = createPortLogger(message => sent.push(message))
    logger.warn({ a: 1 }, 'with fields')
    ;(logger.info as unknown as (message: string) => void)('alone')
    assert.deepEqual(sent, [
      { type: 'log', level: 'warn', fields: { a: 1 }, message: 'with fields' },
      { type: 'log', level: 'info', fields: {}, message: 'alone' },
    ])
  })
})
