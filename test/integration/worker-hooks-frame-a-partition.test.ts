import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, produceKeyed } from '../support/kafka.ts'
import { WorkerRig } from '../support/worker-rig.ts'

describe('the hooks of a handler module', () => {
  it('run before the first and after the last record of thread and partition', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 3)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ claimedSleepMs: 50 }) })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor === 3)
    await rig.stop()
    assert.deepEqual(
      chronicle.read().map(({ event }) => event),
      ['setup', 'claimed', 'start', 'start', 'start', 'released', 'teardown'],
    )
    assert.equal(chronicle.read('claimed')[0]!.epoch, Number(lane.id.epoch))
  })

  it('keep a lane from starting when `claimed` throws', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 3)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ claimedThrows: 1 }) })
    const error = await rejection(rig.claim(0), 'HANDLER_HOOK_FAILED')
    assert.match(error.message, /'claimed' of the handler module failed for .*\/0: claimed said no/)
    assert.deepEqual([error.details['hook'], error.details['partition']], ['claimed', 0])
    await rig.stop()
    assert.equal(chronicle.read('start').length, 0)
  })

  it('do not keep a lane from being given up when `released` throws; that is reported', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 3)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ releasedThrows: 1 }) })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor === 3)
    await lane.drain()
    await eventually(() => rig.troubles.length === 1)
    assert.match(rig.troubles[0]!.message, /'released' of the handler module failed .*released said no/)
  })

  it('are paired when a lane is drained while `claimed` still runs; no record is taken in between', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 3)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ claimedSleepMs: 100 }) })
    const claiming = rig.claim(0)
    const id = { topic, partition: 0, epoch: 1n, lane: 0 }
    await rig.thread().drainLane(id)
    await claiming
    assert.deepEqual(
      chronicle.read().map(({ event }) => event),
      ['setup', 'claimed', 'released'],
    )
  })

  it('come to nothing when the module cannot be loaded or set up', async t => {
    const topic = await createTopic(t)
    const missing = new URL('file:///no/such/handler.mjs')
    await rejection(WorkerRig.start(t, { topic, handler: missing }), 'HANDLER_MODULE_INVALID')
    const handler = new URL('../../../test/fixtures/handlers/setup-throws.mjs', import.meta.url)
    const error = await rejection(WorkerRig.start(t, { topic, handler }), 'HANDLER_SETUP_FAILED')
    assert.match(error.message, /setup-throws\.mjs failed: no licence/)
  })
})
