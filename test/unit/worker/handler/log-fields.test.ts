import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { GroupError } from '#src/shared/errors.js'
import type { WorkerMessage } from '#src/shared/protocol.js'
import { toLogFields } from '#src/worker/handler/log-fields.js'
import { createPortLogger } from '#src/worker/handler/port-logger.js'
import { HOSTILE } from '../../../support/hostile.ts'

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

  it('have no word of what made a value undecodable, wherever its error is', () => {
    const err = new GroupError('DECODE_FAILED', 'what', { cause: new Error('hunter2') })
    const fields = [toLogFields(err), toLogFields({ err }), toLogFields({ deep: [{ err }] })]
    assert.doesNotMatch(JSON.stringify(fields), /hunter2/)
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

  it('survive whatever hides in them', () => {
    const no = (): never => assert.fail('hands off')
    const hidden = { toJSON: no, [inspect.custom]: no }
    const fields = toLogFields({
      hidden,
      among: [hidden],
      called: Object.assign(() => {}, { [inspect.custom]: no }),
      bytes: Object.assign(new Uint8Array(2), { [inspect.custom]: no }),
      ...Object.fromEntries(Object.entries(HOSTILE).map(([name, make]) => [name, make()])),
    })
    assert.doesNotThrow(() => structuredClone(fields))
    assert.deepEqual(
      [fields['hidden'], fields['called'], fields['bytes']],
      ['(cannot be read)', '(cannot be read)', '(cannot be read)'],
    )
  })

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`may be ${name}`, () => {
      assert.doesNotThrow(() => structuredClone(toLogFields(make())))
    })
  }

  it('are left out when nobody may see their names', () => {
    assert.deepEqual(toLogFields(new Proxy({ a: 1 }, { ownKeys: () => assert.fail('hands off') })), {})
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

  it('takes the message of the error when there is none, as pino does', () => {
    assert.equal(messageOfLine(new Error('why')), 'why')
    assert.equal(messageOfLine({ err: new Error('why') }), 'why')
    assert.equal(messageOfLine({ err: 'text' }), '')
    assert.equal(messageOfLine({ err: null }), '')
  })

  it('takes anything for a message', () => {
    assert.equal(messageOfLine({}, Symbol('words')), 'Symbol(words)')
    assert.equal(
      messageOfLine({}, () => {}),
      '[Function (anonymous)]',
    )
    assert.equal(messageOfLine({}, { call() {} }), '{ call: [Function: call] }')
    assert.equal(messageOfLine({}, 7), '7')
    assert.equal(messageOfLine({}, { [inspect.custom]: () => assert.fail('hands off') }), '(cannot be read)')
    for (const make of Object.values(HOSTILE)) assert.equal(typeof messageOfLine({}, make()), 'string')
  })
})

/** The message that the coordinator gets for what a handler logs. */
function messageOfLine(...given: unknown[]): string {
  const channel = new MessageChannel()
  const logger = createPortLogger(message => channel.port1.postMessage(message))
  ;(logger.error as (...given: unknown[]) => void)(...given)
  const line = receiveMessageOnPort(channel.port2)?.message as WorkerMessage & { type: 'log' }
  channel.port1.close()
  return line.message
}
