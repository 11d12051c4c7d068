import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadHandler } from '#src/worker/handler/load-handler.js'
import {
  defineHandler,
  type BatchContext,
  type HandlerContext,
  type KafkaRecord,
  type ThreadContext,
  type ValueDecoder,
} from '#src/handler.js'
import { checkBatching, readHandlerExports } from '#src/worker/handler/handler-exports.js'
import { rejection } from '../../../support/group-error.ts'

const MODULES = new URL('../../../../../test/fixtures/handlers/modules/', import.meta.url)

function load(file: string): ReturnType<typeof loadHandler> {
  return loadHandler(new URL(file, MODULES).href)
}

async function refusal(file: string): Promise<string> {
  const error = await rejection(load(file), 'HANDLER_MODULE_INVALID')
  const path = fileURLToPath(new URL(file, MODULES))
  assert.equal(error.details['path'], path)
  assert.ok(error.message.startsWith(`handler module ${path} `), error.message)
  return error.message.slice(`handler module ${path} `.length)
}

const record = {} as KafkaRecord

describe('loading a handler module', () => {
  it('takes a default-exported function, whose values are buffers unless it says otherwise', async () => {
    const handler = await load('function.mjs')
    assert.equal(handler.handle?.name, 'bound handle')
    assert.equal(handler.decode, 'buffer')
    assert.equal(handler.setup, undefined)
  })

  it('takes decode and hooks exported beside the function, and leaves other exports alone', async () => {
    const { handle, decode, ...hooks } = await load('function-with-hooks.mjs')
    assert.equal(typeof handle, 'function')
    assert.equal(decode, 'json')
    assert.deepEqual(Object.keys(hooks).sort(), ['claimed', 'released', 'setup', 'teardown'])
  })

  it('takes a default-exported object, with members of its own or exports beside it', async () => {
    assert.equal(typeof (await load('object.mjs')).decode, 'function')
    assert.equal((await load('object-and-exports.mjs')).decode, 'string')
  })

  it('takes what defineHandler made', () => {
    const handler = readHandlerExports(
      { default: defineHandler({ handle() {}, setup: () => 'set up', decode: 'json' }) },
      'x',
    )
    assert.equal(handler.setup?.({} as ThreadContext), 'set up')
    assert.equal(handler.decode, 'json')
  })

  it('takes CommonJS: a function, an object, and what a compiler makes of ES modules', async () => {
    for (const file of ['function.cjs', 'object.cjs', 'compiled.cjs', 'compiled-object.cjs'])
      assert.equal(typeof (await load(file)).handle, 'function', file)
    assert.equal((await load('function.cjs')).decode, 'msgpack')
    assert.equal((await load('function.cjs')).setup?.length, 0)
    assert.equal((await load('object.cjs')).released?.name, 'bound released')
    assert.equal((await load('compiled.cjs')).decode, 'json')
    assert.equal((await load('compiled.cjs')).claimed?.length, 0)
    assert.equal((await load('compiled-object.cjs')).decode, 'json')
  })

  it('takes a batch handler in the place of a handler, alone or in an object, and a retry rule', async () => {
    const { handle, handleBatch } = await load('handle-batch.mjs')
    assert.deepEqual([handle, typeof handleBatch], [undefined, 'function'])
    const inObject = readHandlerExports({ default: defineHandler({ handleBatch: () => 'done' }) }, 'x')
    assert.equal(inObject.handleBatch?.([], {} as BatchContext), 'done')
    const { retry } = await load('retry.mjs')
    assert.equal(retry?.(1, new Error('no'), record), 10)
  })

  it('takes parameters behind a question mark', async () => {
    assert.equal(typeof (await load('function.mjs?a=1')).handle, 'function')
  })
})

describe('the functions of a handler module', () => {
  const context = {} as HandlerContext

  for (const file of ['class.mjs', 'class.cjs']) {
    it(`have the exported object as this, also when its class has them (${file})`, async () => {
      const { handle, setup, decode } = await load(file)
      setup!(context)
      assert.deepEqual([handle!(record, context), handle!(record, context)], [1, 2])
      assert.equal((decode as ValueDecoder)(Buffer.from('world'), record), 'hello world')
    })
  }

  it('have it also when defineHandler typed it', () => {
    const counter = {
      handled: 0,
      handle() {
        return (this.handled += 1)
      },
    }
    const { handle } = readHandlerExports({ default: defineHandler(counter) }, 'x')
    handle!(record, context)
    assert.equal(handle!(record, context), 2)
    assert.equal(counter.handled, 2)
  })

  it('have the handler as this when they stand on it', async () => {
    const { handle, setup } = await load('function-with-state.cjs')
    setup!(context)
    assert.deepEqual([handle!(record, context), handle!(record, context)], [1, 2])
  })
})

describe('refusing a handler module', () => {
  it('says that the file is missing, or is a directory', async () => {
    assert.equal(await refusal('not-there.mjs'), 'does not exist')
    assert.match(await refusal('../modules'), /^is a directory/)
  })

  it('names the file and line of a syntax error', async () => {
    for (const file of ['syntax-error.mjs', 'syntax-error.cjs']) {
      const message = await refusal(file)
      assert.match(message, /^does not parse: Unexpected token '}'/)
      assert.ok(message.includes(`${file}:3`), message)
    }
  })

  it('says when the syntax error may be in a module that it imports', async () => {
    assert.match(
      await refusal('imports-syntax-error.mjs'),
      /imports-syntax-error\.mjs or a module it imports/,
    )
  })

  it('tells what it threw while it was loaded, also when that is a missing import', async () => {
    assert.equal(await refusal('throws.mjs'), 'threw while it was loaded: no database today')
    assert.match(await refusal('imports-missing.mjs'), /Cannot find module '.*not-there\.mjs'/)
  })

  it('has words for whatever it threw while it was loaded', async () => {
    assert.equal(await refusal('throws-hostile.mjs'), 'threw while it was loaded: Symbol(words)')
  })

  it('asks for TypeScript to be compiled, unless this Node strips types by itself', async () => {
    const { typescript } = process.features as { typescript?: unknown }
    if (typescript === 'strip' || typescript === 'transform')
      assert.equal(typeof (await load('typescript.ts')).handle, 'function')
    else assert.match(await refusal('typescript.ts'), /compile it to JavaScript first$/)
  })

  it('tells what a getter of its exports threw', async () => {
    const read = 'threw while its exports were read'
    assert.equal(await refusal('throwing-getter.mjs'), `${read}: no schema yet`)
    assert.equal(await refusal('throwing-getter.cjs'), `${read}: no license`)
    assert.match(await refusal('revoked-default.mjs'), new RegExp(`^${read}: .*revoked`))
    const error = await rejection(load('throwing-getter.cjs'), 'HANDLER_MODULE_INVALID')
    assert.equal((error.cause as Error).message, 'no license')
  })

  it('names what it found in the place of a handler', async () => {
    assert.match(await refusal('no-default.mjs'), /it exports 'nothing' but no default; export a function as/)
    assert.match(await refusal('named-handle.mjs'), /it exports 'handle' but no default/)
    assert.match(await refusal('empty.mjs'), /it exports nothing/)
    assert.match(await refusal('number.mjs'), /its default export is a number/)
    assert.match(await refusal('object-without-handle.mjs'), /is an object with 'handel', 'decode'/)
  })

  it('names an unknown decoder and those there are', async () => {
    const known = "'buffer', 'string', 'json', 'msgpack' or a function"
    assert.equal(await refusal('bad-decode.mjs'), `exports 'decode' as 'yaml'; it must be one of ${known}`)
    assert.equal(
      await refusal('bad-decode-type.mjs'),
      `exports 'decode' as a number; it must be one of ${known}`,
    )
  })

  it('names a hook that is not a function', async () => {
    assert.equal(await refusal('bad-setup.mjs'), "exports 'setup' as a string; it must be a function")
    assert.equal(await refusal('bad-claimed.mjs'), "exports 'claimed' as a boolean; it must be a function")
  })

  it('does not choose between two different exports of the same name', async () => {
    assert.match(await refusal('twice.mjs'), /^exports 'decode' twice/)
  })

  it('does not choose between a handler of records and one of batches', async () => {
    assert.equal(
      await refusal('handle-and-batch.mjs'),
      "exports a handler and 'handleBatch'; keep the one that is to get the records",
    )
  })

  it('names a retry rule or a batch handler that is not a function', async () => {
    const read = (module: object): unknown => readHandlerExports({ default: module }, 'x')
    assert.throws(
      () => read({ handle() {}, retry: 10 }),
      /exports 'retry' as a number; it must be a function/,
    )
    assert.throws(
      () => read({ handleBatch: {} }),
      /exports 'handleBatch' as an object; it must be a function/,
    )
  })

  it('does not ignore that batches are asked for', () => {
    const byRecord = readHandlerExports({ default: () => {} }, 'x')
    const byBatch = readHandlerExports({ handleBatch: () => {} }, 'x')
    const check = (
      handler: typeof byRecord,
      batchSize: number,
      batchWaitMs: number,
      ordering: 'partition' | 'key' | 'none' = 'partition',
    ): void => checkBatching(handler, { batchSize, batchWaitMs, ordering }, 'x')
    assert.throws(() => check(byRecord, 10, 0), /exports no 'handleBatch', but batchSize is 10/)
    assert.throws(() => check(byRecord, 1, 5), /exports no 'handleBatch', but batchWaitMs is 5/)
    check(byRecord, 1, 0)
    check(byBatch, 10, 5)
    check(byBatch, 1, 0)
    for (const ordering of ['key', 'none'] as const) {
      assert.throws(
        () => check(byBatch, 10, 5, ordering),
        new RegExp(`'handleBatch', but ordering is '${ordering}'`),
      )
      check(byRecord, 1, 0, ordering)
    }
  })
})
