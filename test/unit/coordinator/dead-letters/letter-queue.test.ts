import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { LetterQueue } from '#src/coordinator/dead-letters/letter-queue.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import type { OutgoingRecord } from '#src/shared/kafka/record-batch.js'
import { rejection } from '../../../support/group-error.ts'

const record = (name: string, bytes = 10): OutgoingRecord => ({
  timestamp: 0,
  key: Buffer.from(name),
  value: Buffer.alloc(bytes),
  headers: [],
})

/** A producer that does what the test says. */
class FakeProducer {
  readonly sent: string[][] = []
  readonly #answers: Deferred<void>[] = []

  async send(records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    this.sent.push(records.map(({ key }) => Buffer.from(key!).toString()))
    const answer: Deferred<void> = deferred()
    signal.addEventListener('abort', () => answer.reject(signal.reason))
    this.#answers.push(answer)
    await answer.promise
  }

  /** Answers the batch that is on its way. */
  async answer(error?: GroupError): Promise<void> {
    const { resolve, reject } = this.#answers.shift()!
    if (error === undefined) resolve()
    else reject(error)
    await setImmediate()
  }
}

function rig(): { producer: FakeProducer; queue: LetterQueue; stop: AbortController } {
  const stop = new AbortController()
  const producer = new FakeProducer()
  return { producer, queue: new LetterQueue(producer, stop.signal), stop }
}

const refused = new GroupError('BROKER_REFUSED', 'too large')
const outOfReach = new GroupError('BROKER_DISCONNECTED', 'out of reach')

describe('the letters for one partition', () => {
  it('go one batch after the other, those that wait together', async () => {
    const { producer, queue } = rig()
    const sent = ['a', 'b', 'c'].map(name => queue.add(record(name)))
    assert.deepEqual(producer.sent, [['a']])
    await producer.answer()
    assert.deepEqual(producer.sent, [['a'], ['b', 'c']])
    await producer.answer()
    await Promise.all(sent)
    const late = queue.add(record('d'))
    assert.deepEqual(producer.sent.at(-1), ['d'])
    await producer.answer()
    await late
  })

  it('are no more in a batch than a broker takes by default; a large one goes alone', async () => {
    const { producer, queue } = rig()
    const sizes = [1, 400_000, 400_000, 400_000, 2_000_000, 10]
    const sent = sizes.map((size, index) => queue.add(record(String(index), size)))
    for (let batch = 0; batch < 4; batch++) await producer.answer()
    await Promise.all(sent.slice(0, -1))
    assert.deepEqual(producer.sent, [['0'], ['1', '2'], ['3'], ['4'], ['5']])
    await producer.answer()

    const many = Array.from({ length: 1_001 }, (_, index) => queue.add(record(String(index))))
    for (let batch = 0; batch < 3; batch++) await producer.answer()
    await Promise.all(many)
    assert.deepEqual(
      producer.sent.slice(5).map(batch => batch.length),
      [1, 500, 500],
    )
  })

  it('are tried one by one when a batch is refused, so that only those fail that are not taken', async () => {
    const { producer, queue } = rig()
    const [first, bad, good] = ['first', 'bad', 'good'].map(name => queue.add(record(name)))
    await producer.answer()
    await first
    const failed = rejection(bad!, 'BROKER_REFUSED')
    await producer.answer(refused)
    await producer.answer(refused)
    await failed
    await producer.answer()
    await good
    assert.deepEqual(producer.sent, [['first'], ['bad', 'good'], ['bad'], ['good']])
  })

  it('fail together when the partition is out of reach, and the next one is tried anew', async () => {
    const { producer, queue } = rig()
    const failed = ['a', 'b', 'c'].map(name => rejection(queue.add(record(name)), 'BROKER_DISCONNECTED'))
    await producer.answer(outOfReach)
    await Promise.all(failed)
    assert.deepEqual(producer.sent, [['a']])
    const next = queue.add(record('d'))
    await producer.answer()
    await next
  })

  it('reject when the member stops', async () => {
    const { queue, stop } = rig()
    const failed = ['a', 'b'].map(name => rejection(queue.add(record(name)), 'NOT_RUNNING'))
    stop.abort(new GroupError('NOT_RUNNING', 'stopping'))
    await Promise.all(failed)
  })
})
