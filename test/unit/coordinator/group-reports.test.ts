import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupReports } from '#src/coordinator/group-reports.js'
import { GroupEvents, type GroupEventMap } from '#src/events.js'
import { toWire } from '#src/shared/error-wire.js'
import type { AttemptFailure } from '#src/shared/protocol.js'
import { loggerInMemory } from '../../support/logger-in-memory.ts'

const LANE = { topic: 't', partition: 3, epoch: 1n, lane: 0 }

/** What is told when an attempt fails: events, and what was logged. */
function told(outcome: AttemptFailure['outcome'], retryInMs: number | null = null): [string, unknown][] {
  const { logger } = loggerInMemory()
  const events = new GroupEvents(10, logger)
  const seen: [string, unknown][] = []
  for (const name of ['record:failed', 'record:skipped', 'record:dead-lettered', 'error'] as const)
    events.on(name, (payload: GroupEventMap[typeof name]) => seen.push([name, payload]))
  const error = toWire(new RangeError('too far'))
  const failure = {
    type: 'record-failed',
    lane: LANE,
    offset: 9,
    attempt: 2,
    outcome,
    retryInMs,
    error,
  } as const
  new GroupReports(events, logger).attemptFailed({ threadId: 5 }, failure, { topic: 'letters' })
  return seen
}

describe('a failed attempt', () => {
  const where = { topic: 't', partition: 3, offset: 9n, threadId: 5 }

  it('is told with the time of the next one', () => {
    const [[name, event], ...more] = told('retry', 250) as [[string, GroupEventMap['record:failed']]]
    assert.deepEqual(more, [])
    const { error, ...rest } = event
    assert.deepEqual([name, rest], ['record:failed', { ...where, attempt: 2, retryInMs: 250 }])
    assert.deepEqual([error.name, error.message], ['RangeError', 'too far'])
  })

  it('is told with the topic of its dead letter', () => {
    const [[name, event], ...more] = told('dead-lettered') as [
      [string, GroupEventMap['record:dead-lettered']],
    ]
    assert.deepEqual(more, [])
    assert.deepEqual(
      [name, { ...event, error: null }],
      ['record:dead-lettered', { ...where, attempts: 2, deadLetterTopic: 'letters', error: null }],
    )
  })

  it('is an error, too, when its record is left out', () => {
    const [skipped, failed] = told('skipped') as [[string, unknown], [string, GroupEventMap['error']]]
    assert.equal(skipped[0], 'record:skipped')
    const [, error] = failed
    assert.equal(error.code, 'RECORD_SKIPPED')
    assert.deepEqual(error.details, { ...where, attempts: 2 })
    assert.match(error.message, /offset 9 of t\/3 was left out after 2 attempts: too far/)
  })
})
