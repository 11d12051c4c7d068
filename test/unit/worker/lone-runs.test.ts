import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { LoneRuns, type SuspectLane } from '#src/worker/lone-runs.js'

class FakeLane implements SuspectLane {
  canTake = true
  awaitingSinceMs: number | null = null
  isAside = false
  suspectForMs: number
  records = 1

  constructor(suspectForMs = 0) {
    this.suspectForMs = suspectForMs
  }

  get suspectsLeft(): number {
    return this.suspectForMs > 0 ? this.records : 0
  }

  trust(): void {
    this.records -= 1
    if (this.records === 0) this.suspectForMs = 0
  }

  setAside(isAside: boolean): void {
    this.isAside = isAside
  }
}

describe('lone runs', () => {
  let lanes: FakeLane[]
  let woken: number
  let runs: LoneRuns<FakeLane>

  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
  afterEach(() => mock.timers.reset())

  function runsOf(...of: FakeLane[]): void {
    lanes = of
    woken = 0
    runs = new LoneRuns(lanes, () => void (woken += 1))
    for (const lane of lanes) runs.add(lane)
  }

  it('are not due without suspects, nor while a suspect has no record', () => {
    runsOf(new FakeLane(), new FakeLane())
    assert.equal(runs.isDue(), false)
    const suspect = new FakeLane(5000)
    suspect.canTake = false
    runsOf(suspect, new FakeLane())
    assert.equal(runs.isDue(), false)
  })

  it('have a time of their own for each record of a lane', () => {
    const [suspect, other] = [new FakeLane(5000), new FakeLane()]
    suspect.records = 2
    runsOf(suspect, other)
    assert.equal(runs.isDue(), true)
    mock.timers.tick(4000)
    suspect.records = 1 // its attempt has ended
    runs.settle(suspect)
    assert.deepEqual([runs.isDue(), runs.next, other.isAside], [true, suspect, true])
    mock.timers.tick(4000)
    assert.equal(suspect.records, 1)
    mock.timers.tick(1000)
    assert.deepEqual([suspect.suspectsLeft, runs.isDue()], [0, false])
  })

  it('are one suspect at a time, and put the other lanes aside', () => {
    const [first, second, other] = [new FakeLane(5000), new FakeLane(5000), new FakeLane()]
    runsOf(first, second, other)
    assert.equal(runs.isDue(), true)
    assert.equal(runs.next, first)
    assert.deepEqual([first.isAside, second.isAside, other.isAside], [false, true, true])
    first.suspectForMs = 0 // its attempt has ended
    runs.settle(first)
    assert.equal(runs.isDue(), true)
    assert.equal(runs.next, second)
    second.suspectForMs = 0
    runs.settle(second)
    assert.equal(runs.isDue(), false)
    assert.deepEqual([first.isAside, second.isAside, other.isAside], [false, false, false])
  })

  it('wait for what other lanes have in hand, and nothing starts meanwhile', () => {
    const [suspect, other] = [new FakeLane(5000), new FakeLane()]
    runsOf(suspect, other)
    other.awaitingSinceMs = 1
    assert.equal(runs.isDue(), true)
    assert.equal(runs.next, null)
    other.awaitingSinceMs = null
    assert.equal(runs.next, suspect)
  })

  it('go on while the suspect is awaited', () => {
    const suspect = new FakeLane(5000)
    runsOf(suspect, new FakeLane())
    assert.ok(runs.isDue())
    suspect.canTake = false
    suspect.awaitingSinceMs = 1
    runs.settle(suspect)
    assert.equal(runs.isDue(), true)
    assert.equal(runs.next, null)
  })

  it('are over when the time is, the wait included; then the others are woken', () => {
    const [suspect, other] = [new FakeLane(5000), new FakeLane()]
    runsOf(suspect, other)
    other.awaitingSinceMs = 1
    assert.ok(runs.isDue())
    mock.timers.tick(4999)
    assert.ok(runs.isDue())
    mock.timers.tick(1)
    assert.equal(runs.isDue(), false)
    assert.deepEqual([suspect.suspectForMs, other.isAside, woken], [0, false, 1])
  })

  it('end with a suspect that is paused, and begin again when it goes on', () => {
    const [suspect, other] = [new FakeLane(5000), new FakeLane()]
    runsOf(suspect, other)
    assert.ok(runs.isDue())
    suspect.canTake = false
    assert.equal(runs.isDue(), false)
    assert.equal(other.isAside, false)
    suspect.canTake = true
    assert.ok(runs.isDue())
  })

  it('end with a suspect that is gone', () => {
    const [suspect, other] = [new FakeLane(5000), new FakeLane()]
    runsOf(suspect, other)
    assert.ok(runs.isDue())
    lanes.splice(0, 1)
    runs.remove(suspect)
    assert.equal(runs.isDue(), false)
    assert.deepEqual([other.isAside, woken], [false, 1])
  })
})
