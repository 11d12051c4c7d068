import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { MessageChannel, Worker } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { answering, outcome, type Answering } from '#src/shared/call-answers.js'
import { ERROR_CODES, isGroupError, type ErrorCode } from '#src/shared/errors.js'
import { atEnd } from '../../support/cleanup.ts'

interface Api {
  fail(code: ErrorCode): void
  later(value: number): Promise<number>
}

const SHARED = new URL('../../../../dist/shared/', import.meta.url).href
const THREAD = `
  const { workerData } = require('node:worker_threads')
  const shared = name => import(${JSON.stringify(SHARED)} + name)
  Promise.all([shared('errors.js'), shared('call-answers.js'), import('comlink')]).then(([{ GroupError }, { answering }, Comlink]) => {
    Comlink.expose(answering({
      fail(code) {
        const error = new GroupError(code, 'about ' + code, { details: { offset: 5n }, cause: new RangeError('why') })
        error.stack = 'where ' + code
        throw error
      },
      later: async value => value,
    }), workerData)
  })`

function startThread(t: TestContext): Comlink.Remote<Answering<Api>> {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(THREAD, { eval: true, workerData: port2, transferList: [port2] })
  atEnd(t, async () => {
    port1.close()
    await worker.terminate()
  })
  return Comlink.wrap<Answering<Api>>(port1)
}

describe('calls across threads', () => {
  it('reject with the same name, code, details, cause and stack that were thrown there', async t => {
    const remote = startThread(t)
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const error = await outcome(remote.fail(code)).then(
        () => assert.fail('it should have thrown'),
        (thrown: unknown) => thrown,
      )
      assert.ok(isGroupError(error, code), `${code} arrived as ${String(error)}`)
      assert.equal(error.retryable, ERROR_CODES[code].retryable)
      assert.deepEqual(error.details, { offset: 5n })
      assert.equal(error.stack, `where ${code}`)
      const cause = error.cause as Error
      assert.deepEqual([cause.name, cause.message], ['RangeError', 'why'])
    }
  })

  it('resolve with what was returned there, also when that took its time', async t => {
    assert.equal(await outcome(startThread(t).later(7)), 7)
  })

  it('begin at once: whoever is called by two calls finds them in their order', async () => {
    const seen: number[] = []
    const api = answering({ note: (value: number) => void seen.push(value) })
    const answers = [api.note(1), api.note(2)]
    assert.deepEqual(seen, [1, 2])
    assert.deepEqual(await Promise.all(answers), [{ ok: undefined }, { ok: undefined }])
  })

  it('carry what is no error, too', async () => {
    const api = answering({
      fail: () => Promise.reject('a string'), // eslint-disable-line @typescript-eslint/prefer-promise-reject-errors
    })
    await assert.rejects(outcome(api.fail()), /a string/)
  })
})
