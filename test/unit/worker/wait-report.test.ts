import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LANE_MOVES, type LaneState } from '#src/worker/lane-state.js'
import { waitOfLife, WaitReport } from '#src/worker/wait-report.js'

describe('the report of why something waits', () => {
  it('stores a reason when it is another one, and no other time but the first', () => {
    const stored: string[] = []
    let reason: '' | 'paused' | 'lease' = ''
    const report = new WaitReport(
      () => reason,
      now => stored.push(now),
    )
    for (const next of ['', 'paused', 'paused', 'lease', '', ''] as const) {
      reason = next
      report.publish()
    }
    assert.deepEqual(stored, ['', 'paused', 'lease', ''])
  })

  it('names the end of a lane before its pause, and its pause before the lease', () => {
    const states = Object.keys(LANE_MOVES) as LaneState[]
    const waits = Object.fromEntries(states.map(state => [state, waitOfLife(state, true, true)]))
    assert.deepEqual(waits, {
      starting: '',
      running: 'paused',
      failed: 'failed',
      draining: 'draining',
      drained: '',
    })
    assert.deepEqual(
      [waitOfLife('running', false, true), waitOfLife('running', false, false)],
      ['lease', null],
    )
  })
})
