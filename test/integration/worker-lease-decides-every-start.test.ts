// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produceKeyed } from '../support/kafka.ts'
import { WorkerRig } from '../support/worker-rig.ts'

const BURN_MS = 5
/** A record that was started just before the end is written down just after it. */
const SLACK_MS = 2

function now(): number {
  return performance.timeOrigin + performance.now()
}

describe('a lease that is over', () => {
  it('lets no handler start, neither sync nor async, until it is renewed; then they go on where they were', async t => {
    for (const parameters of [{ burnMs: BURN_MS }, { sleepMs: BURN_MS }]) {
      const topic = await createTopic(t, { partitions: 4 })
      await produceKeyed(topic, 2000)
      const chronicle = new Chronicle(t)
      const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(parameters), threads: 2 })
      const lanes = [
        ...(await rig.claimAll(2)),
        await rig.claim(2, { thread: 1 }),
        await rig.claim(3, { thread: 1 }),
      ]
      await eventually(() => chronicle.read('start').length > 20)

      rig.memory.endLease()
      const endedAtMs = now()
      await eventually(() => lanes.every(lane => lane.memory.read().waitsFor === 'lease'))
      const renewedAtMs = now()
      rig.renewLease()
      const before = lanes.map(lane => lane.floor)
      await eventually(() => lanes.every((lane, i) => lane.floor > before[i]!))
      await rig.stop()

      const inBetween = chronicle
        .read('start')
        .filter(({ atMs }) => atMs > endedAtMs + SLACK_MS && atMs < renewedAtMs)
      assert.deepEqual(inBetween, [])
      for (const [partition, lane] of lanes.entries())
        assert.deepEqual(
          chronicle.started(partition),
          Array.from({ length: lane.floor }, (_, offset) => offset),
        )
    }
  })

  it('is noticed by the clock, without a word from the coordinator', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 2000)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ burnMs: BURN_MS }) })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor > 0)
    const leaseMs = 200
    const overAtMs = now() + leaseMs
    rig.renewLease(leaseMs)
    await eventually(() => lane.memory.read().waitsFor === 'lease')
    assert.ok(now() >= overAtMs)
    const late = chronicle.read('start').filter(({ atMs }) => atMs > overAtMs + SLACK_MS)
    assert.deepEqual(late, [])
  })
})
