import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { LoneLanes, type LaneInHand } from '#src/coordinator/lanes/lone-lanes.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { eventually } from '../../../support/eventually.ts'
import { rejection } from '../../../support/group-error.ts'

class FakeLane implements LaneInHand {
  oldestRunning: number | null = null
}

function create(patienceMs?: number) {
  const memory = new GroupMemory()
  const [a, b, c] = [new FakeLane(), new FakeLane(), new FakeLane()]
  const rig = { memory, a, b, c, wakes: 0 }
  const host = {
    memory,
    lanes: () => [a, b, c],
    wake: () => {
      assert.equal(memory.isOneAlone, false, 'woken before it may go on')
      rig.wakes += 1
    },
  }
  return Object.assign(rig, { lone: new LoneLanes(host, patienceMs) })
}

describe('a lane that is to run alone', () => {
  it('is alone once nothing else is in hand, and holds all others from then on', async () => {
    const { memory, lone, a, b } = create()
    a.oldestRunning = 1 // its own slice
    b.oldestRunning = 1
    let isAlone: boolean | undefined
    const entered = lone.enter(a).then(alone => (isAlone = alone))
    await eventually(() => memory.isOneAlone)
    assert.equal(isAlone, undefined, 'a record of another is still in hand')
    b.oldestRunning = null
    assert.equal(await entered, true)
    assert.deepEqual([lone.holds(a), lone.holds(b)], [false, true])
  })

  it('holds the others before it looks at them: what they start until then is waited for', async () => {
    const { memory, lone, a, b } = create()
    const setOneAlone = memory.setOneAlone.bind(memory)
    memory.setOneAlone = isOneAlone => {
      b.oldestRunning = isOneAlone ? 1 : null // it looked at the word just before
      setOneAlone(isOneAlone)
    }
    let isOver = false
    const entered = lone.enter(a).then(isAlone => {
      isOver = true
      return isAlone
    })
    await delay(20) // some looks
    assert.equal(isOver, false)
    b.oldestRunning = null
    assert.equal(await entered, true)
  })

  it('is told that it is not, where others take too long', async () => {
    const { memory, lone, a, b } = create(20)
    b.oldestRunning = 1
    assert.equal(await lone.enter(a), false)
    assert.equal(memory.isOneAlone, true, 'no other record may come to it')
  })

  it('waits once for others that take too long, until they have nothing in hand', async () => {
    const { lone, a, b, c } = create(50)
    b.oldestRunning = 1
    assert.equal(await lone.enter(a), false)
    lone.leave(a)
    const startedMs = performance.now()
    assert.equal(await lone.enter(a), false)
    assert.ok(performance.now() - startedMs < 50, 'not again for the same')
    lone.leave(a)
    c.oldestRunning = 1
    const third = lone.enter(a)
    await delay(5)
    b.oldestRunning = null
    c.oldestRunning = null
    assert.equal(await third, true, 'the other one was waited for')
    lone.leave(a)
    b.oldestRunning = 1
    const fourth = lone.enter(a)
    await delay(5)
    b.oldestRunning = null
    assert.equal(await fourth, true, 'so is the first one, with another record')
  })

  it('waits again for one that was only busy: another of its records runs by then', async () => {
    const { lone, a, b } = create(20)
    b.oldestRunning = 1
    assert.equal(await lone.enter(a), false)
    lone.leave(a)
    b.oldestRunning = 2 // nobody has looked between the two
    const entered = lone.enter(a)
    await delay(5)
    b.oldestRunning = null
    assert.equal(await entered, true)
  })

  it('waits no more for one that hangs, whatever of its lane has run beside it for a while', async () => {
    const { lone, a, b } = create(50)
    b.oldestRunning = 5
    assert.equal(await lone.enter(a), false)
    lone.leave(a)
    b.oldestRunning = 3 // a retry, beside the other
    const startedMs = performance.now()
    const entered = lone.enter(a)
    await delay(5)
    b.oldestRunning = 5
    assert.equal(await entered, false)
    assert.ok(performance.now() - startedMs < 50)
  })

  it('lets all go on when it leaves, however often', async () => {
    const rig = create()
    await rig.lone.enter(rig.a)
    rig.lone.leave(rig.a)
    rig.lone.leave(rig.a)
    assert.deepEqual([rig.memory.isOneAlone, rig.wakes], [false, 1])
    assert.equal(await rig.lone.enter(rig.a), true)
  })

  it('waits for the one before it, and lets the others have a turn between the two', async () => {
    const { memory, lone, a, b } = create()
    await lone.enter(a)
    const second = lone.enter(b)
    lone.leave(a)
    assert.equal(memory.isOneAlone, false)
    assert.equal(await second, true)
    assert.deepEqual([memory.isOneAlone, lone.holds(a), lone.holds(b)], [true, true, false])
  })

  it('is told when it is ended while it waits for its turn, and takes nobody else with it', async () => {
    const { memory, lone, a, b, c } = create()
    await lone.enter(a)
    const second = rejection(lone.enter(b), 'NOT_RUNNING')
    const third = lone.enter(c)
    lone.leave(b)
    await second
    assert.equal(memory.isOneAlone, true)
    lone.leave(a)
    assert.equal(await third, true)
  })

  it('is told when it is ended while it waits for the others', async () => {
    const { memory, lone, a, b } = create()
    b.oldestRunning = 1
    const entered = rejection(lone.enter(a), 'NOT_RUNNING')
    await eventually(() => memory.isOneAlone)
    lone.leave(a)
    await entered
    assert.equal(memory.isOneAlone, false)
  })
})
