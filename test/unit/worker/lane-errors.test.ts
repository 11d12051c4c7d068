import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromWire, toWire } from '#src/shared/error-wire.js'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { attemptFailed, hookFailed, partitionStops } from '#src/worker/lane-errors.js'
import { HOSTILE } from '../../support/hostile.ts'

const PARTITION = { topic: 'uploads', partition: 3 }
const PLACE = { ...PARTITION, offset: 7, attempt: 2, threadId: 1 }

describe('what a handler module threw', () => {
  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`becomes an error with its place that crosses threads, also when it is ${name}`, () => {
      const failed = partitionStops(attemptFailed(PLACE, make()))
      const back = fromWire(structuredClone(toWire(failed)))
      assert.ok(isGroupError(back, 'HANDLER_FAILED'))
      assert.match(
        back.message,
        /^the handler failed on uploads\/3 at offset 7: .+; the partition stops there/,
      )
      assert.deepEqual(back.details, PLACE)

      const hook = fromWire(structuredClone(toWire(hookFailed('released', PARTITION, make()))))
      assert.ok(isGroupError(hook, 'HANDLER_HOOK_FAILED'))
      assert.match(hook.message, /^'released' of the handler module failed for uploads\/3: ./)
    })
  }

  it('is the cause, also when it is undefined', () => {
    assert.equal((attemptFailed(PLACE, undefined).cause as Error).message, 'thrown value: undefined')
  })

  it('stays what the record said, although the handler broke it', () => {
    const thrown = new GroupError('DECODE_FAILED', 'the value cannot be decoded')
    for (const name of ['message', 'cause', 'details'])
      Object.defineProperty(thrown, name, { get: () => assert.fail('read') })
    const failed = attemptFailed(PLACE, thrown)
    assert.ok(isGroupError(failed, 'DECODE_FAILED'))
    assert.equal(failed.details['offset'], 7)
    assert.ok(isGroupError(fromWire(toWire(thrown)), 'DECODE_FAILED'))
  })
})
