import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { HEADER } from '#src/shared/memory/ring/ring-layout.js'
import { eventually } from '../support/eventually.ts'
import { javaConsume, javaProduce, ONE_BATCH, type Codec, type JavaStep } from '../support/java.ts'
import { createTopic, endOffsets, openProducer, produceKeyed } from '../support/kafka.ts'
import { offsetsOf, RingReader, type ReadRecord } from '../support/ring-reader.ts'
import { javaTranscript, transcriptLine } from '../support/transcript.ts'
import { WorkerRig, type ClaimedRing } from '../support/worker-rig.ts'

const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const MOVED = 6_000
const BATCH = 200

/** Reads as the threads of all seats would, until nothing is left below `end`. */
async function readTo(
  ring: ClaimedRing,
  end: number,
  readers = [new RingReader(ring.memory)],
): Promise<ReadRecord[]> {
  const all: ReadRecord[] = []
  await eventually(
    () => {
      const { headOffset } = ring
      const read = readers.map(reader => reader.readAll())
      all.push(...read.flat())
      return headOffset >= end && read.every(({ length }) => length === 0)
    },
    { intervalMs: 1, deadlineMs: 30_000, message: () => `${ring.headOffset} of ${end}: '${ring.waitsFor}'` },
  )
  return all
}

function range(from: number, below: number): number[] {
  return Array.from({ length: below - from }, (_, index) => from + index)
}

function assertOrdered(read: readonly ReadRecord[]): void {
  const last = new Map<number, number>()
  for (const { taken } of read) {
    assert.ok((last.get(taken.lane) ?? -1) < taken.offset, `lane ${taken.lane}, offset ${taken.offset}`)
    last.set(taken.lane, taken.offset)
  }
}

describe('a thread without a handler fills a ring', () => {
  it('with each record of compressed batches, over aborted transactions and what compaction left out, byte by byte', async t => {
    const topic = await createTopic(t, {
      config: {
        'cleanup.policy': 'compact',
        'segment.bytes': '4096',
        'min.cleanable.dirty.ratio': '0.01',
        'min.compaction.lag.ms': '0',
      },
    })
    await javaProduce(mixedRounds(topic))
    const end = (await endOffsets(topic))[0]!
    await eventually(async () => (await javaConsume(topic)).length < end / 2, {
      deadlineMs: 60_000,
      message: 'the topic is compacted',
    })
    const rig = await WorkerRig.start(t, { topic })
    const start = { frontiers: new Array<number>(64).fill(0), inHand: [] }
    const ring = await rig.claimRing(0, { start, shape: { seats: 2, dataBytes: 8192 } })
    const read = await readTo(ring, end, [new RingReader(ring.memory, 0), new RingReader(ring.memory, 1)])
    assertOrdered(read)
    const lines = read.map(({ record }) => ({ ...transcriptLine(record) }))
    const inOrder = lines.toSorted((one, other) => one.offset - other.offset)
    assert.deepEqual(inOrder, javaTranscript(await javaConsume(topic)).get(0))
    assert.ok(inOrder.every(({ value }) => !Buffer.from(value!, 'base64').toString().includes('aborted')))
    assert.equal(ring.headOffset, end)
  })

  it('and goes on where another has left it, with nothing lost or repeated', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, MOVED)
    const rig = await WorkerRig.start(t, { topic, threads: 2 })
    const ring = await rig.claimRing(0, { shape: { dataBytes: 16_384 } })
    const reader = new RingReader(ring.memory)
    const read: ReadRecord[] = []
    for (let move = 1; ring.headOffset < MOVED; move++) {
      const before = ring.headOffset
      await eventually(
        () => {
          read.push(...reader.readAll())
          return ring.headOffset > before
        },
        { intervalMs: 1 },
      )
      await ring.feedOn(rig.thread(move % 2))
    }
    read.push(...(await readTo(ring, MOVED, [reader])))
    assert.deepEqual(offsetsOf(read), range(0, MOVED))
  })

  it('that nobody empties without holding up another, or taking more than the budget', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    await produceEvenly(t, topic, 10_000)
    const maxBufferedBytes = 700_000 // of which rings take less than half
    const settings = { maxBufferedBytes, maxBytesPerPartition: 65_536 }
    const rig = await WorkerRig.start(t, { topic, settings })
    const shape = { dataBytes: 131_072, indexCapacity: 1024 }
    const [stuck, read] = [await rig.claimRing(0, { shape }), await rig.claimRing(1, { shape })]
    await eventually(() => stuck.waitsFor === 'ring-full')
    const { headOffset } = stuck
    assert.deepEqual(offsetsOf(await readTo(read, 10_000)), range(0, 10_000))
    assert.deepEqual([stuck.headOffset, stuck.waitsFor], [headOffset, 'ring-full'])
    const rings = stuck.memory.buffer.byteLength + read.memory.buffer.byteLength
    const buffered = stuck.memory.header[HEADER.BUFFERED_BYTES]!
    assert.ok(buffered > 0 && rings + buffered <= maxBufferedBytes, `${rings} + ${buffered}`)
    assert.deepEqual(offsetsOf(await readTo(stuck, 10_000)), range(0, 10_000))
  })
})

/** As many records in each of two partitions. */
async function produceEvenly(t: TestContext, topic: string, count: number): Promise<void> {
  const producer = await openProducer(t)
  for (let sent = 0; sent < count; sent += BATCH)
    for (const partition of [0, 1]) {
      const messages = range(sent, sent + BATCH).map(number => ({
        partition,
        key: `${number % 50}`,
        value: `value ${number}`.padEnd(100),
      }))
      await producer.send({ topic, messages })
    }
}

/** Few keys, written again and again, between others that stay; each round with another codec, beside a transaction that aborts and one that commits. */
function* mixedRounds(topic: string): Generator<JavaStep> {
  for (const codec of CODECS) {
    const config = { ...ONE_BATCH, 'batch.size': '65536', 'compression.type': codec }
    yield { step: 'open', producer: codec, config }
  }
  for (const producer of ['aborted', 'committed'])
    yield {
      step: 'open',
      producer,
      config: { 'transactional.id': `${topic}-${producer}`, 'compression.type': 'lz4' },
    }
  for (let round = 0; round < 60; round++) {
    for (const producer of ['aborted', 'committed']) yield { step: 'begin', producer }
    for (const producer of [CODECS[round % CODECS.length]!, 'aborted', 'committed'])
      yield* oneRound(topic, producer, round)
    yield { step: 'abort', producer: 'aborted' }
    yield { step: 'commit', producer: 'committed' }
  }
}

function* oneRound(topic: string, producer: string, round: number): Generator<JavaStep> {
  const headers = [['round', `${round}`]] as const
  for (let key = 0; key < 10; key++) {
    const value = `round ${round} of ${producer} ${key}`
    yield { step: 'send', producer, topic, partition: 0, key: `key-${key}`, value, headers }
  }
  yield {
    step: 'send',
    producer,
    topic,
    partition: 0,
    key: `${producer}-${round}`,
    value: `${producer} stays`,
  }
  yield { step: 'flush', producer }
}
