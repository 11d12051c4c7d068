import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger } from '#src/shared/logger.js'
import { LaneContext } from '#src/worker/handler/contexts.js'

const LATE = new Error('too late')
const LOST = new Error('the claim is lost')

function newContext(): LaneContext {
  const thread = { groupId: 'g', memberId: 'm', threadId: 0, logger: silentLogger, state: undefined }
  return new LaneContext(thread, 1n)
}

describe('the signal of a context', () => {
  it('aborts when its attempt is to give up, and is another one for the next, also if it was not to', () => {
    const context = newContext()
    const { signal } = context
    LaneContext.renewSignal(context)
    const next = context.signal
    assert.equal(context.signal, next)
    LaneContext.abortAttempt(context, LATE)
    assert.deepEqual([signal.aborted, next.aborted, next.reason], [false, true, LATE])
    LaneContext.renewSignal(context)
    assert.equal(context.signal.aborted, false)
  })

  it('is of the claim for the hook at its beginning', () => {
    const context = newContext()
    const { signal } = context
    LaneContext.claimed(context)
    assert.notEqual(context.signal, signal)
    LaneContext.abortAttempt(context, LATE)
    LaneContext.renewSignal(context)
    assert.equal(signal.aborted, false)
    LaneContext.abort(context, LOST)
    assert.equal(signal.reason, LOST)
  })

  it('is aborted also if nobody asked for it before', () => {
    const context = newContext()
    LaneContext.abortAttempt(context, LATE)
    const { signal } = context
    assert.deepEqual([signal.aborted, signal.reason, context.signal], [true, LATE, signal])
  })

  it('keeps the first reason of an attempt, and aborts every later one once the claim is lost', () => {
    const context = newContext()
    LaneContext.abortAttempt(context, LATE)
    LaneContext.abort(context, LOST)
    assert.equal(context.signal.reason, LATE)
    LaneContext.renewSignal(context)
    assert.deepEqual([context.signal.aborted, context.signal.reason], [true, LOST])
    assert.equal(LaneContext.isGivenUp(context), true)
  })
})
