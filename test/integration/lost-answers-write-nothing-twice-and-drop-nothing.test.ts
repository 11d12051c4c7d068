import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { BrokerLinks } from '#src/coordinator/kafka/broker-links.js'
import { PartitionProducer } from '#src/coordinator/kafka/partition-producer.js'
import type { OutgoingRecord } from '#src/shared/kafka/record-batch.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../support/cleanup.ts'
import { readAll } from '../support/dead-letters.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, endOffsets } from '../support/kafka.ts'
import { connectionOptions, hostPort } from '../support/kafka-options.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'

failOnLeaks()

const NEVER = new AbortController().signal

/** A producer whose answers have to come through a gate. */
async function gatedProducer(
  t: TestContext,
  giveUpAfterMs: number,
): Promise<{ topic: string; gate: TcpGate; producer: PartitionProducer }> {
  const topic = await createTopic(t)
  const gate = await TcpGate.open(t, sharedStack().brokers[0]!)
  const links = new BrokerLinks((address, signal) =>
    openBrokerConnection({ address, options: connectionOptions(), logger: silentLogger, signal }),
  )
  atEnd(t, () => links.close())
  const producer = new PartitionProducer({
    to: { topic, partition: 0 },
    port: {
      leaderOf: () => ({ nodeId: 0, ...hostPort(gate.address) }),
      refresh: async () => {},
      connectionTo: address => links.to(address),
    },
    giveUpAfterMs,
    requestTimeoutMs: 5_000,
    troubled: () => {},
  })
  return { topic, gate, producer }
}

const record = (value: string): OutgoingRecord => ({
  timestamp: Date.now(),
  key: null,
  value: Buffer.from(value),
  headers: [],
})

async function values(t: TestContext, topic: string): Promise<string[]> {
  return (await readAll(t, topic)).map(({ value }) => value!.toString())
}

describe('a broker whose answer is lost', () => {
  it('writes a batch that is sent again once', async t => {
    const { topic, gate, producer } = await gatedProducer(t, 30_000)
    await producer.send([record('first')], NEVER)
    gate.holdAnswers()
    const sent = producer.send([record('second'), record('third')], NEVER)
    await eventually(async () => (await endOffsets(topic))[0] === 3)
    gate.reopen() // the connection ends without the answer
    await sent
    await producer.send([record('fourth')], NEVER)
    assert.deepEqual(await values(t, topic), ['first', 'second', 'third', 'fourth'])
  })

  it('is not led to take other records for those that it has', async t => {
    const { topic, gate, producer } = await gatedProducer(t, 1_000)
    await producer.send([record('first')], NEVER)
    gate.holdAnswers()
    const given = producer.send([record('given up')], NEVER)
    await eventually(async () => (await endOffsets(topic))[0] === 2)
    const error = await rejection(given, 'BROKER_DISCONNECTED')
    assert.match(error.message, /nothing could be written to .*\/0 for 1000 ms/)
    gate.reopen()
    await producer.send([record('other')], NEVER)
    assert.deepEqual(await values(t, topic), ['first', 'given up', 'other'])
  })
})
