import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Chronicle, type ChronicleEvent } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed } from '../support/kafka.ts'
import { WorkerRig } from '../support/worker-rig.ts'

const PARTITIONS = 4

describe('async handlers', () => {
  it('run one at a time within a partition, in order, and side by side between partitions', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    await produceKeyed(topic, 120)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ sleepMs: 5 }) })
    const lanes = await rig.claimAll(PARTITIONS)
    const ends = await endOffsets(topic)
    await eventually(() => lanes.every((lane, partition) => lane.floor === ends[partition]))

    const events = chronicle.read().filter(({ event }) => event === 'start' || event === 'end')
    for (const [partition, end] of ends.entries()) {
      const lane = events
        .filter(of => of.partition === partition)
        .map(({ event, offset }) => `${event} ${offset}`)
      assert.deepEqual(lane, Array.from({ length: end }, (_, i) => [`start ${i}`, `end ${i}`]).flat())
    }
    assert.equal(mostAtOnce(events), PARTITIONS)
  })

  it('are told by their signal when the claim is lost; the drain waits for them', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 10)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ untilAborted: 1 }) })
    const lane = await rig.claim(0)
    await eventually(() => chronicle.read('start').length === 1)
    assert.equal(lane.memory.read().inHand, 'awaited')
    assert.equal(rig.thread().memory.read().running, true)

    const drained = lane.drain()
    await eventually(() => lane.memory.read().waitsFor === 'draining')
    assert.equal(chronicle.read('released').length, 0)
    await rig.thread().abortLane(lane.id, 'the claim is gone')
    await drained

    const [end] = chronicle.read('end')
    assert.match(end!.reason, /the claim is gone/)
    assert.deepEqual(
      chronicle.read().map(({ event }) => event),
      ['setup', 'claimed', 'start', 'end', 'released'],
    )
    assert.equal(chronicle.read('released')[0]!.aborted, true)
    assert.equal(lane.floor, 1)
  })

  it('take no further record once aborted', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 1000)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ burnMs: 2 }) })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor > 5)
    await rig.thread().abortLane(lane.id, 'the claim is gone')
    const { floor } = lane
    // Each call is answered in a turn of the thread's event loop, between which it could take records.
    for (let turn = 0; turn < 20; turn += 1) await rig.thread().setPaused(lane.id, false)
    await lane.drain()
    assert.equal(lane.floor, floor)
    assert.equal(chronicle.read('start').length, floor)
  })
})

function mostAtOnce(events: readonly ChronicleEvent[]): number {
  let running = 0
  let most = 0
  for (const { event } of events) {
    running += event === 'start' ? 1 : -1
    most = Math.max(most, running)
  }
  return most
}
