import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { StopDeadline } from '#src/coordinator/stop-deadline.js'

describe('stop deadline', () => {
  it('first aborts, then terminates, then ends every step, all before its time is over', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const steps: string[] = []
    const deadline = new StopDeadline(8000, {
      abortHandlers: () => steps.push('abort'),
      terminateThreads: () => steps.push('terminate'),
    })
    const stuck = deadline.bound(new Promise(() => {}), () => {}).then(() => steps.push('end'))
    t.mock.timers.tick(4999)
    assert.deepEqual(steps, [])
    t.mock.timers.tick(1)
    assert.deepEqual(steps, ['abort'])
    t.mock.timers.tick(1500)
    assert.deepEqual(steps, ['abort', 'terminate'])
    assert.deepEqual([deadline.force.aborted, deadline.giveUp.aborted], [true, false])
    t.mock.timers.tick(1500)
    assert.equal(deadline.giveUp.aborted, true)
    await stuck
    assert.deepEqual(steps, ['abort', 'terminate', 'end'])
  })

  it('tells failures of a step and goes on', async () => {
    const deadline = new StopDeadline(1000, { abortHandlers() {}, terminateThreads() {} })
    const failed = mock.fn()
    await deadline.bound(Promise.reject(new Error('no')), failed)
    deadline.clear()
    assert.equal(failed.mock.callCount(), 1)
  })
})
