import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MessageChannel, Worker } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { carryErrorsAcrossThreads, fromWire, toWire } from '#src/shared/error-wire.js'
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

  it('arrive from a real thread with every code intact', async () => {
    carryErrorsAcrossThreads()
    const { port1, port2 } = new MessageChannel()
    const dist = new URL('../../../../dist/shared/', import.meta.url).href
    const worker = new Worker(
      `const { workerData } = require('node:worker_threads')
       Promise.all([import(${JSON.stringify(dist)} + 'errors.js'), import(${JSON.stringify(dist)} + 'error-wire.js'), import('comlink')]).then(([{ GroupError }, { carryErrorsAcrossThreads }, Comlink]) => {
         carryErrorsAcrossThreads()
         Comlink.expose({ fail(code) { throw new GroupError(code, 'about ' + code, { details: { offset: 5 }, cause: new Error('why') }) } }, workerData)
       })`,
      { eval: true, workerData: port2, transferList: [port2] },
    )
    const remote = Comlink.wrap<{ fail(code: string): void }>(port1)
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const error = await remote.fail(code).then(
        () => assert.fail('it should have thrown'),
        (thrown: unknown) => thrown,
      )
      assert.ok(isGroupError(error, code), `${code} arrived as ${String(error)}`)
      assert.equal(error.retryable, ERROR_CODES[code].retryable)
      assert.deepEqual(error.details, { offset: 5 })
      assert.equal((error.cause as Error).message, 'why')
    }
    port1.close()
    await worker.terminate()
  })
})
