import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { monotonicMs } from '#src/shared/clock.js'
import { DeadlineTimer, type TimedLane } from '#src/worker/attempts/deadline-timer.js'
import { eventually } from '../../../support/eventually.ts'

class Timed implements TimedLane {
  awaitingSinceMs: number | null = null
  isTimedOut = false
  timeOut(): void {
    this.isTimedOut = true
  }
}

describe('the deadlines of a thread', () => {
  const timers: DeadlineTimer[] = []
  afterEach(() => timers.splice(0).forEach(timer => timer.stop()))

  function timerFor(timeoutMs: number | null, lanes: readonly Timed[]): DeadlineTimer {
    const timer = new DeadlineTimer(timeoutMs, () => lanes)
    timers.push(timer)
    return timer
  }

  it('are each kept, with one timer', async () => {
    const [first, second, idle] = [new Timed(), new Timed(), new Timed()]
    const before = activeTimers()
    const timer = timerFor(30, [first, second, idle])
    first.awaitingSinceMs = monotonicMs()
    timer.awaits()
    await sleep(10)
    second.awaitingSinceMs = monotonicMs()
    timer.awaits()
    assert.equal(activeTimers(), before + 1)
    await eventually(() => first.isTimedOut, { intervalMs: 1 })
    await eventually(() => second.isTimedOut, { intervalMs: 1 })
    assert.ok(monotonicMs() >= second.awaitingSinceMs + 30)
    assert.equal(idle.isTimedOut, false)
    assert.equal(activeTimers(), before) // nothing is left to look at
  })

  it('are looked at with no timer while nothing is awaited, and by none without a deadline', async () => {
    const before = activeTimers()
    timerFor(30, [new Timed()])
    timerFor(null, [new Timed()]).awaits()
    assert.equal(activeTimers(), before)
    const lane = new Timed()
    const timer = timerFor(20, [lane])
    lane.awaitingSinceMs = monotonicMs()
    timer.awaits()
    lane.awaitingSinceMs = null
    await eventually(() => activeTimers() === before, { intervalMs: 1 })
    assert.equal(lane.isTimedOut, false)
    timer.awaits()
    timer.stop()
    timer.awaits()
    assert.equal(activeTimers(), before)
  })
})

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}
