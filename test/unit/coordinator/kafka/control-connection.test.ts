import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ControlConnection } from '#src/coordinator/kafka/control-connection.js'
import type { ClusterMetadata } from '#src/shared/kafka/metadata.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'
import {
  startFakeBroker,
  startServer,
  type FakeBroker,
  type FakeRequest,
} from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { metadataAnswer } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'

const METADATA: ClusterMetadata = { brokers: [{ nodeId: 0, host: 'b', port: 1 }], topics: [] }

const answerMetadata = (request: FakeRequest): void => request.answer(metadataAnswer(METADATA))

function controlOf(t: TestContext): ControlConnection {
  const control = new ControlConnection(connectionOptions(), silentLogger)
  atEnd(t, () => control.close())
  return control
}

const ask = (control: ControlConnection): Promise<ClusterMetadata> =>
  control.ask(connection => connection.metadata([]))

describe('the control connection', () => {
  it('is one socket however many ask at once', async t => {
    const broker = await startFakeBroker(t, { onRequest: answerMetadata })
    const control = controlOf(t)
    await control.connect([broker])
    broker.sockets[0]!.destroy()
    await eventually(() => control.to(broker) === null, { message: 'the end is noticed' })
    await Promise.all([ask(control), ask(control), ask(control)])
    assert.equal(broker.sockets.length, 2)
  })

  it('moves to another broker when its own goes away, also in the middle of a question', async t => {
    const first: FakeBroker = await startFakeBroker(t, { onRequest: () => void first.stop() })
    const second = await startFakeBroker(t, { onRequest: answerMetadata })
    const control = controlOf(t)
    await control.connect([first])
    control.learn([first, second])
    assert.deepEqual(await ask(control), METADATA)
    assert.equal(control.to(second)?.isConnected, true)
    assert.equal(control.to(first), null)
  })

  it('falls back on the bootstrap addresses when no broker of the cluster answers', async t => {
    const bootstrap = await startFakeBroker(t, { onRequest: answerMetadata })
    const gone = await startFakeBroker(t)
    const control = controlOf(t)
    await control.connect([bootstrap])
    control.learn([gone])
    await gone.stop()
    bootstrap.sockets[0]!.destroy()
    assert.deepEqual(await ask(control), METADATA)
  })

  it('gives a question up when one broker after the other leaves it unanswered', async t => {
    const broker = await startFakeBroker(t, { onRequest: ({ socket }) => socket.destroy() })
    const control = controlOf(t)
    await control.connect([broker])
    await rejection(ask(control), 'BROKER_DISCONNECTED')
    assert.equal(broker.sockets.length, 3)
  })

  it('rejects what is asked and what is being opened when it is closed, and everything after', async t => {
    const broker = await startFakeBroker(t)
    const control = controlOf(t)
    await control.connect([broker])
    const question = ask(control)
    await eventually(() => broker.requests.length === 2, { message: 'the question arrives' })
    control.close()
    control.close()
    await rejection(question, 'NOT_RUNNING')
    await rejection(ask(control), 'NOT_RUNNING')
    const silent = await startServer(t, () => {})
    const opening = controlOf(t)
    const connecting = opening.connect([silent])
    opening.close()
    await rejection(connecting, 'NOT_RUNNING')
  })
})
