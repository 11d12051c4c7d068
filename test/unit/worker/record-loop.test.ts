import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { RecordLoop, type LoopLane } from '#src/worker/record-loop.js'
import type { TakeResult } from '#src/worker/take-result.js'
import { eventually } from '../../support/eventually.ts'

/** A lane of so many records, each of which burns so much time. */
class ScriptedLane implements LoopLane {
  readonly taken: number[] = []
  awaitingSinceMs: number | null = null
  isHeld = false
  isAside = false
  suspectForMs = 0
  readonly #group: GroupMemory
  readonly #burnMs: number
  left: number

  constructor(group: GroupMemory, records: number, burnMs = 0) {
    this.#group = group
    this.left = records
    this.#burnMs = burnMs
  }

  get canTake(): boolean {
    return this.left > 0
  }

  take(untilMs: number): TakeResult {
    do {
      if (this.#group.mustNotStart) return 'held'
      const atMs = monotonicMs()
      this.taken.push(atMs)
      this.left -= 1
      while (monotonicMs() < atMs + this.#burnMs);
      if (this.left === 0) return 'empty'
    } while (monotonicMs() < untilMs)
    return 'more'
  }

  setHeld(isHeld: boolean): void {
    this.isHeld = isHeld
  }

  get suspectsLeft(): number {
    return this.suspectForMs > 0 ? 1 : 0
  }

  trust(): void {
    this.suspectForMs = 0
  }

  setAside(isAside: boolean): void {
    this.isAside = isAside
  }
}

describe('the record loop', () => {
  const loops: RecordLoop[] = []
  afterEach(() => loops.splice(0).forEach(loop => loop.stop()))

  function loopWith(
    group: GroupMemory,
    ...lanes: ScriptedLane[]
  ): { loop: RecordLoop; memory: WorkerMemory } {
    const memory = new WorkerMemory()
    const loop = new RecordLoop(group, memory)
    loops.push(loop)
    for (const lane of lanes) loop.add(lane)
    return { loop, memory }
  }

  function leased(): GroupMemory {
    const group = new GroupMemory()
    group.renewLease({ monoMs: monotonicMs() + 60_000, wallMs: wallMs() + 60_000 })
    return group
  }

  it('works off what there is and then rests', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 1000)
    const { loop, memory } = loopWith(group, lane)
    loop.wake()
    await eventually(() => lane.left === 0, { intervalMs: 1 })
    const { loopTurns } = memory.read()
    await nextTurn()
    await nextTurn()
    assert.equal(memory.read().loopTurns, loopTurns)
    assert.equal(memory.read().running, false)
  })

  it('gives the event loop a turn every few milliseconds', async () => {
    const group = leased()
    const burnMs = 0.5
    const records = 200
    const lane = new ScriptedLane(group, records, burnMs)
    const { loop, memory } = loopWith(group, lane)
    loop.wake()
    await eventually(() => lane.left === 0, { intervalMs: 1 })
    // Counted, not timed: on a busy machine a turn has fewer records, so there are more turns, never fewer.
    assert.ok(memory.read().loopTurns >= (records * burnMs) / 3, `${memory.read().loopTurns} turns`)
  })

  it('serves its lanes in turn, however much each of them has', async () => {
    const group = leased()
    const lanes = [1, 2, 3].map(() => new ScriptedLane(group, 40, 0.4))
    const { loop } = loopWith(group, ...lanes)
    loop.wake()
    await eventually(() => lanes.every(lane => lane.left === 0), { intervalMs: 1 })
    const thirdStart = Math.min(...lanes[2]!.taken)
    assert.ok(lanes[0]!.taken.filter(atMs => atMs < thirdStart).length < 10)
    const firstEnd = Math.min(...lanes.map(lane => lane.taken.at(-1)!))
    for (const { taken } of lanes)
      assert.ok(taken.filter(atMs => atMs > firstEnd).length < 10, 'one was left behind')
  })

  it('takes nothing while the lease is over, says so of the lanes that wait, and goes on when it holds again', async () => {
    const group = leased()
    const busy = new ScriptedLane(group, 10)
    const empty = new ScriptedLane(group, 0)
    const { loop } = loopWith(group, busy, empty)
    group.endLease()
    loop.wake()
    await eventually(() => busy.isHeld, { intervalMs: 1 })
    assert.equal(empty.isHeld, false)
    assert.equal(busy.taken.length, 0)
    group.renewLease({ monoMs: monotonicMs() + 60_000, wallMs: wallMs() + 60_000 })
    await eventually(() => busy.left === 0, { intervalMs: 1 })
    assert.equal(busy.isHeld, false)
  })

  it('rests for good once the group is being stopped', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 10)
    const { loop, memory } = loopWith(group, lane)
    group.requestStop()
    loop.wake()
    await eventually(() => memory.read().loopTurns === 1, { intervalMs: 1 })
    assert.equal(lane.taken.length, 0)
    await nextTurn()
    assert.equal(memory.read().loopTurns, 1)
  })

  it('goes on with a lane at once when its promise was short, without a turn for each record', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 100)
    lane.take = function (): TakeResult {
      this.taken.push(monotonicMs())
      this.left -= 1
      void Promise.resolve().then(() => loop.settled(this))
      return 'awaiting'
    }
    const { loop, memory } = loopWith(group, lane)
    loop.wake()
    await eventually(() => lane.left === 0, { intervalMs: 1 })
    assert.ok(memory.read().loopTurns < 20, `${memory.read().loopTurns} turns`)
    assert.equal(memory.read().running, false)
  })

  it('replaces records that are done while others of their lane are under way together, in one turn', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 50) // places that are free
    const taken: number[] = []
    const settleOne = (): void => {
      lane.left += 1
      loop.settled(lane)
    }
    lane.take = function (): TakeResult {
      this.awaitingSinceMs = monotonicMs() // of one that is never done
      if (taken.length === 0) for (let place = 0; place < 50; place++) void Promise.resolve().then(settleOne)
      taken.push(this.left)
      this.left = 0
      return 'awaiting'
    }
    const { loop } = loopWith(group, lane)
    loop.wake()
    await eventually(() => taken.length > 1, { intervalMs: 1 })
    assert.deepEqual(taken, [50, 50])
  })

  it('shows since when the oldest async handler runs, until the last one has settled', () => {
    const group = leased()
    const lanes = [3000, 5000, 1000].map(agoMs => {
      const lane = new ScriptedLane(group, 0)
      lane.awaitingSinceMs = monotonicMs() - agoMs
      return lane
    })
    const { loop, memory } = loopWith(group, ...lanes)
    const settle = (lane: ScriptedLane): void => {
      lane.awaitingSinceMs = null
      loop.settled(lane)
    }
    const [middle, oldest, newest] = lanes as [ScriptedLane, ScriptedLane, ScriptedLane]
    const [middleSinceMs, oldestSinceMs] = [middle.awaitingSinceMs!, oldest.awaitingSinceMs!]
    settle(newest)
    assert.ok(Math.abs(memory.read().runningSinceMs - oldestSinceMs) < 1)
    settle(oldest)
    assert.equal(memory.read().running, true)
    assert.ok(Math.abs(memory.read().runningSinceMs - middleSinceMs) < 1)
    settle(middle)
    assert.equal(memory.read().running, false)
  })

  it('shows an async handler that a turn has left under way', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 1)
    const { loop, memory } = loopWith(group, lane)
    lane.awaitingSinceMs = monotonicMs() - 5000
    loop.wake()
    await eventually(() => lane.left === 0, { intervalMs: 1 })
    assert.equal(memory.read().running, true)
    assert.ok(Math.abs(memory.read().runningSinceMs - lane.awaitingSinceMs) < 1)
  })

  it('shows nothing of a lane that was removed', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 1)
    const { loop, memory } = loopWith(group, lane)
    lane.awaitingSinceMs = monotonicMs() - 5000
    loop.wake()
    await eventually(() => lane.left === 0, { intervalMs: 1 })
    loop.remove(lane)
    loop.remove(lane)
    assert.equal(memory.read().running, false)
  })

  it('runs a suspect alone, one record of it, when nothing else is in hand; then all go on', async () => {
    const group = leased()
    const [suspect, other] = [new ScriptedLane(group, 3), new ScriptedLane(group, 10)]
    suspect.suspectForMs = 60_000
    const { loop } = loopWith(group, suspect, other)
    other.awaitingSinceMs = monotonicMs()
    const take = suspect.take.bind(suspect)
    const takenOfOther: number[] = []
    suspect.take = untilMs => {
      takenOfOther.push(other.taken.length)
      const result = take(untilMs)
      suspect.suspectForMs = 0
      return result
    }
    loop.wake()
    await nextTurn()
    await nextTurn()
    assert.deepEqual([suspect.taken.length, other.taken.length, other.isAside], [0, 0, true])
    other.awaitingSinceMs = null
    loop.settled(other)
    await eventually(() => suspect.left === 0 && other.left === 0, { intervalMs: 1 })
    assert.equal(takenOfOther[0], 0)
    assert.equal(other.isAside, false)
  })

  it('runs the others when a suspect does not settle in its time', async () => {
    const group = leased()
    const [suspect, other] = [new ScriptedLane(group, 1), new ScriptedLane(group, 10)]
    suspect.suspectForMs = 50
    const { loop } = loopWith(group, suspect, other)
    suspect.take = function (): TakeResult {
      this.left = 0
      this.awaitingSinceMs = monotonicMs()
      return 'awaiting'
    }
    const startedAtMs = monotonicMs()
    loop.wake()
    await eventually(() => other.left === 0, { intervalMs: 1 })
    assert.ok(monotonicMs() - startedAtMs >= 49)
  })

  it('runs nothing after it was stopped, and may be stopped twice', async () => {
    const group = leased()
    const lane = new ScriptedLane(group, 10)
    const { loop } = loopWith(group, lane)
    loop.wake()
    loop.stop()
    loop.stop()
    loop.wake()
    await nextTurn()
    assert.equal(lane.taken.length, 0)
  })
})
