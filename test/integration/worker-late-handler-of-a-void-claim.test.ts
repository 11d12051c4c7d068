import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produceKeyed } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { WorkerRig } from '../support/worker-rig.ts'

failOnLeaks()

const RECORDS = 20
const BLOCK_MS = 400

describe('a handler that is still at work when its claim is void', () => {
  it('runs no further record, and what it finishes does not count for the next claim of the partition', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, RECORDS)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, {
      topic,
      handler: chronicle.handler({ burnMs: BLOCK_MS }),
      threads: 2,
    })
    const old = await rig.claim(0)
    await eventually(() => chronicle.read('start').length === 1, { message: 'it is at work' })

    rig.memory.voidClaims()
    rig.renewLease()
    const next = await rig.claim(0, { thread: 1, generation: rig.memory.generation })
    assert.equal(next.memory.handled, 0)
    await eventually(() => old.memory.handled === 1, { message: 'the late one has ended' })
    const started = (): number[] =>
      chronicle.read('start').flatMap(({ epoch, offset }) => (epoch === Number(next.id.epoch) ? offset : []))
    await eventually(() => started().length === 3)
    assert.deepEqual(started(), [0, 1, 2], 'it begins where its own claim does')
    assert.ok(next.memory.handled <= started().length && next.floor === next.memory.handled)
    await rig.stop()
    const late = chronicle.read('start').filter(({ epoch }) => epoch === Number(old.id.epoch))
    assert.deepEqual(
      late.map(({ offset }) => offset),
      [0],
    )
    assert.equal(old.floor, 1)
  })
})
