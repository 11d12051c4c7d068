import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed } from '../support/kafka.ts'
import { WorkerRig, type ClaimedLane } from '../support/worker-rig.ts'

const PARTITIONS = 8
const RECORDS = 20_000

describe('a worker thread', () => {
  it('takes every record of its partitions once, in offset order, and says so in their memory', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    await produceKeyed(topic, RECORDS)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler() })
    const lanes = await rig.claimAll(PARTITIONS)
    const ends = await endOffsets(topic)
    await eventually(() => lanes.every((lane, partition) => lane.floor === ends[partition]))

    for (const [partition, end] of ends.entries())
      assert.deepEqual(chronicle.started(partition), range(0, end), `partition ${partition}`)
    const reading = lanes.map(lane => lane.memory.read())
    assert.deepEqual(
      reading.map(of => of.handled),
      ends,
    )
    assert.deepEqual(
      reading.map(of => of.highWatermark),
      ends,
    )
    assert.ok(reading.every(of => of.inHand === 'nothing' && of.failed === 0 && of.bufferedBytes === 0))
  })

  it('goes on with lanes that move between threads, without losing, repeating or reordering a record', async t => {
    const topic = await createTopic(t, { partitions: 4 })
    await produceKeyed(topic, RECORDS)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(), threads: 2 })
    const lanes = await rig.claimAll(4)
    const ends = await endOffsets(topic)
    for (let move = 1; !areDone(lanes, ends); move += 1) {
      const before = sumOfFloors(lanes)
      await Promise.all(lanes.map(lane => lane.moveTo(rig.thread(move % 2))))
      await eventually(() => sumOfFloors(lanes) > before || areDone(lanes, ends), { intervalMs: 1 })
    }

    for (const [partition, end] of ends.entries())
      assert.deepEqual(chronicle.started(partition), range(0, end), `partition ${partition}`)
    const threads = new Set(chronicle.read('start').map(one => one.threadId))
    assert.equal(threads.size, 2)
    assert.deepEqual(
      lanes.map(lane => lane.memory.handled),
      ends,
    )
  })

  it('leaves a drained lane where its last finished record was, in the middle of a backlog', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, RECORDS)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ burnMs: 1 }) })
    const [lane] = await rig.claimAll(1)
    await eventually(() => lane!.floor > 100)
    await lane!.drain()
    const started = chronicle.started(0)
    assert.ok(started.length < RECORDS)
    assert.equal(lane!.floor, started.length)
    assert.deepEqual(started, range(0, started.length))
    assert.equal(lane!.memory.read().bufferedBytes, 0)
    assert.equal(chronicle.read('released').length, 1)
    await lane!.drain() // a second time there is nothing to do
    assert.equal(chronicle.read('released').length, 1)
  })
})

function areDone(lanes: readonly ClaimedLane[], ends: readonly number[]): boolean {
  return lanes.every((lane, partition) => lane.floor === ends[partition])
}

function sumOfFloors(lanes: readonly ClaimedLane[]): number {
  return lanes.reduce((sum, lane) => sum + lane.floor, 0)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
