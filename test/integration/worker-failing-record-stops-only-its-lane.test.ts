import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DEFAULTS } from '#src/options/defaults.js'
import { isGroupError, type ErrorCode, type GroupError } from '#src/shared/errors.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, openProducer } from '../support/kafka.ts'
import { WorkerRig, type ClaimedLane } from '../support/worker-rig.ts'

const RECORDS = 200

interface Scene {
  readonly rig: WorkerRig
  readonly chronicle: Chronicle
  readonly lanes: readonly ClaimedLane[]
  readonly error: GroupError
}

/** Two partitions, of which the first fails at offset 50; resolves when the second is worked off. */
async function failing(t: TestContext, parameters: Record<string, string>, code: ErrorCode): Promise<Scene> {
  const topic = await createTopic(t, { partitions: 2 })
  const producer = await openProducer(t)
  for (const partition of [0, 1]) {
    const messages = Array.from({ length: RECORDS }, (_, i) => ({ partition, value: `value ${i}` }))
    await producer.send({ topic, messages })
  }
  const chronicle = new Chronicle(t)
  const settings = { retry: { ...DEFAULTS.retry, attempts: 1 } }
  const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(parameters), settings })
  const lanes = await rig.claimAll(2)
  await eventually(() => rig.failures.length > 0 && lanes[1]!.floor === RECORDS)
  assert.deepEqual(await endOffsets(topic), [RECORDS, RECORDS])
  const [error] = rig.failures
  assert.ok(isGroupError(error, code), String(error))
  assert.equal(rig.failures.length, 1)
  assert.equal(rig.troubles.length, 0)
  return { rig, chronicle, lanes, error }
}

describe('a record whose only attempt fails', () => {
  it('stops its own lane at it when the handler throws, and no other', async t => {
    const { lanes, chronicle, error } = await failing(t, { throwAt: '0:50' }, 'HANDLER_FAILED')
    assert.match(error.message, /0 at offset 50: handler said no/)
    assert.equal((error.cause as Error).message, 'handler said no')
    const { topic, ...details } = error.details
    assert.deepEqual(details, { partition: 0, offset: 50, attempt: 1, threadId: 0 })
    assert.equal(topic, lanes[0]!.id.topic)
    const reading = lanes[0]!.memory.read()
    assert.deepEqual(
      [
        reading.floor,
        reading.handled,
        reading.failed,
        reading.inHand,
        reading.waitsFor,
        reading.bufferedBytes,
      ],
      [50, 50, 1, 'nothing', 'failed', 0],
    )
    assert.equal(chronicle.started(0).at(-1), 50)
  })

  it('does so, too, when it rejects, with whatever', async t => {
    const { lanes, error } = await failing(t, { rejectAt: '0:50' }, 'HANDLER_FAILED')
    assert.match(error.message, /thrown value: a string/)
    assert.equal(lanes[0]!.floor, 50)
  })

  it('does so, too, when its value cannot be decoded', async t => {
    const { lanes, error } = await failing(t, { decodeFailsAt: '0:50' }, 'DECODE_FAILED')
    assert.match(error.message, /offset 50/)
    assert.equal((error.cause as Error).message, 'no such format')
    assert.equal(error.details['offset'], 50)
    assert.equal(lanes[0]!.floor, 50)
  })

  it('leaves a lane that can be drained, and started again at the same record', async t => {
    const { lanes, chronicle, rig } = await failing(t, { throwAt: '0:50' }, 'HANDLER_FAILED')
    await lanes[0]!.drain()
    assert.equal(chronicle.read('released').length, 1)
    assert.equal(lanes[0]!.memory.read().waitsFor, '')
    await lanes[0]!.startOn(rig.thread())
    await eventually(() => rig.failures.length === 2)
    assert.equal(lanes[0]!.floor, 50)
    assert.deepEqual(chronicle.started(0).slice(-2), [50, 50])
  })
})
