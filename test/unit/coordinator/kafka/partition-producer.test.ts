import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PartitionProducer, type ProducerPort } from '#src/coordinator/kafka/partition-producer.js'
import { GroupError } from '#src/shared/errors.js'
import type { OutgoingRecord } from '#src/shared/kafka/record-batch.js'
import { rejection } from '../../../support/group-error.ts'

const TO = { topic: 't', partition: 3 }
const NEVER = new AbortController().signal
const PRODUCER_ID_AT = 43
const SEQUENCE_AT = 53
const CODEC_AT = 22

interface Sent {
  readonly producer: bigint
  readonly sequence: number
  readonly isCompressed: boolean
}

/** A broker that answers with these error codes, one after the other, then with 0; a function answers by itself. */
class FakeBroker implements ProducerPort {
  readonly sent: Sent[] = []
  refreshes = 0
  leader: { nodeId: number; host: string; port: number } | null = { nodeId: 1, host: 'b', port: 1 }
  #lastProducerId = 100n
  readonly #answers: (number | (() => Promise<number>))[]

  constructor(...answers: (number | (() => Promise<number>))[]) {
    this.#answers = answers
  }

  leaderOf(): typeof this.leader {
    return this.leader
  }

  async refresh(): Promise<void> {
    this.refreshes += 1
    this.leader ??= { nodeId: 1, host: 'b', port: 1 }
  }

  async connectionTo(): ReturnType<ProducerPort['connectionTo']> {
    return {
      initProducerId: async () => ({ errorCode: 0, producerId: ++this.#lastProducerId, producerEpoch: 0 }),
      produce: async ({ to, batch }) => {
        assert.deepEqual(to, TO)
        this.sent.push({
          producer: batch.readBigInt64BE(PRODUCER_ID_AT),
          sequence: batch.readInt32BE(SEQUENCE_AT),
          isCompressed: batch.readInt8(CODEC_AT) !== 0,
        })
        const answer = this.#answers.shift() ?? 0
        return { errorCode: typeof answer === 'number' ? answer : await answer(), baseOffset: 0 }
      },
    }
  }
}

function producerTo(port: ProducerPort, giveUpAfterMs = 10_000): PartitionProducer {
  return new PartitionProducer({ to: TO, port, giveUpAfterMs, requestTimeoutMs: 1_000, troubled: () => {} })
}

const records = (count: number): OutgoingRecord[] =>
  Array.from({ length: count }, () => ({ timestamp: 0, key: null, value: null, headers: [] }))

const disconnected = (): Promise<number> =>
  Promise.reject(new GroupError('BROKER_DISCONNECTED', 'the connection ended'))

const plain = (producer: bigint, sequence: number): Sent => ({ producer, sequence, isCompressed: false })

describe('writing to one partition', () => {
  it('counts its records, so that the broker knows each batch', async () => {
    const broker = new FakeBroker()
    const producer = producerTo(broker)
    for (const count of [1, 3, 2]) await producer.send(records(count), NEVER)
    assert.deepEqual(broker.sent, [plain(101n, 0), plain(101n, 1), plain(101n, 4)])
  })

  it('sends a batch again as it was when the answer is lost or its leader has moved', async () => {
    const broker = new FakeBroker(0, disconnected, 6)
    const producer = producerTo(broker)
    for (const count of [2, 3, 1]) await producer.send(records(count), NEVER)
    assert.deepEqual(broker.sent, [plain(101n, 0), ...Array<Sent>(3).fill(plain(101n, 2)), plain(101n, 5)])
    assert.equal(broker.refreshes, 2)
  })

  it('waits for a leader', async () => {
    const broker = new FakeBroker()
    broker.leader = null
    await producerTo(broker).send(records(1), NEVER)
    assert.equal(broker.sent.length, 1)
  })

  it('takes a batch that the broker has already for written', async () => {
    await producerTo(new FakeBroker(46)).send(records(1), NEVER)
  })

  it('begins under a new name when the broker has forgotten the old one', async () => {
    for (const code of [45, 47, 59]) {
      const broker = new FakeBroker(0, code)
      const producer = producerTo(broker)
      for (const count of [2, 3, 1]) await producer.send(records(count), NEVER)
      assert.deepEqual(broker.sent, [plain(101n, 0), plain(101n, 2), plain(102n, 0), plain(102n, 3)])
    }
  })

  it('compresses what is too large, and gives up when it still is', async () => {
    const broker = new FakeBroker(10, 0, 10, 18)
    const producer = producerTo(broker)
    await producer.send(records(1), NEVER)
    assert.deepEqual(broker.sent, [plain(101n, 0), { producer: 101n, sequence: 0, isCompressed: true }])
    const error = await rejection(producer.send(records(1), NEVER), 'BROKER_REFUSED')
    assert.match(error.message, /t\/3 refused to write: RECORD_LIST_TOO_LARGE \(18\)/)
  })

  it('does not try again what the broker never takes', async () => {
    for (const code of [2, 32, 87]) {
      const broker = new FakeBroker(code)
      await rejection(producerTo(broker).send(records(1), NEVER), 'BROKER_REFUSED')
      assert.equal(broker.sent.length, 1)
    }
  })

  it('gives up after a while, naming the last cause, and never uses the sequence again', async () => {
    const broker = new FakeBroker(0, ...Array<number>(50).fill(19))
    const producer = producerTo(broker, 300)
    await producer.send(records(1), NEVER)
    const error = await rejection(producer.send(records(2), NEVER), 'BROKER_DISCONNECTED')
    assert.match(error.message, /t\/3 for 300 ms: .*NOT_ENOUGH_REPLICAS \(19\)/)
    await rejection(producer.send(records(2), NEVER), 'BROKER_DISCONNECTED')
    const producers = new Set(broker.sent.map(({ producer: id }) => id))
    assert.deepEqual([...producers], [101n, 102n])
    assert.deepEqual(broker.sent.at(-1), plain(102n, 0))
  })

  it('does not wait for a broker that is silent longer than it may', async () => {
    const broker = new FakeBroker(() => new Promise<never>(() => {}))
    await rejection(producerTo(broker, 50).send(records(1), NEVER), 'BROKER_DISCONNECTED')
  })

  it('ends with the reason of the signal', async () => {
    const stop = new AbortController()
    const sending = producerTo(new FakeBroker(() => new Promise<never>(() => {}))).send(
      records(1),
      stop.signal,
    )
    stop.abort(new GroupError('NOT_RUNNING', 'stopping'))
    await rejection(sending, 'NOT_RUNNING')
  })
})
