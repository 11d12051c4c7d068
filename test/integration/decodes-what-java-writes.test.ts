import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { javaConsume, javaProduce, ONE_BATCH } from '../support/java.ts'
import type { Codec, JavaMessage, JavaStep } from '../support/java.ts'
import { createTopic, endOffsets, uniqueGroup } from '../support/kafka.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { javaTranscript, Transcript, type TranscriptLine } from '../support/transcript.ts'
import { readOffsets } from '../support/zookeeper.ts'

const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const HUGE_BATCH = 200_000

/** Every shape a record can have. */
const SHAPES: readonly Omit<JavaMessage, 'partition'>[] = [
  { key: 'plain', value: 'text' },
  { key: null, value: 'no key' },
  { key: 'tombstone', value: null },
  { key: null, value: null },
  { key: '', value: '' },
  { key: 'grüße', value: 'naïve ☃ 日本' },
  { key: Buffer.from([0, 255, 128]), value: Buffer.from([0xc3, 0x28, 0, 10]) },
  { key: 'old', value: 'from 1970', timestamp: 1 },
  { key: 'large', value: Buffer.alloc(300_000, 'repetitive ') },
  {
    key: 'headers',
    value: 'x',
    headers: [
      ['name', 'first'],
      ['other', null],
      ['name', 'second'],
      ['', 'no name'],
      ['__proto__', 'a name like any other'],
    ],
  },
]

/** Consumes the topic to its end and returns what the handlers saw, having compared it with the Java consumer. */
async function assertSeenAsByJava(t: TestContext, topic: string): Promise<Map<number, TranscriptLine[]>> {
  const transcript = new Transcript(t)
  const groupId = uniqueGroup()
  const ends = await endOffsets(topic)
  const group = await runMember(t, transcript.handler, {
    groupId,
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
  })
  await eventually(
    () => ends.every((end, index) => group.status().partitions[index]?.committable === BigInt(end)),
    { deadlineMs: 30_000, message: () => JSON.stringify(group.status().partitions.map(String)) },
  )
  await group.stop()
  const seen = transcript.read()
  assert.deepEqual(seen, javaTranscript(await javaConsume(topic)))
  assert.deepEqual(await readOffsets(groupId, topic), ends)
  return seen
}

describe('handlers see what the Java consumer sees', () => {
  it('of records of every shape that the Java producer wrote with each codec', async t => {
    const topic = await createTopic(t, { partitions: CODECS.length })
    await javaProduce(strangeRecords(topic))
    const seen = await assertSeenAsByJava(t, topic)
    for (const partition of CODECS.keys()) assert.equal(seen.get(partition)?.length, SHAPES.length)
  })

  it('of transactions, committed and aborted, interleaved in one partition', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    await javaProduce(interleavedTransactions(topic))
    const seen = await assertSeenAsByJava(t, topic)
    const values = [...seen.values()].flat().map(line => Buffer.from(line.value!, 'base64').toString())
    assert.ok(values.every(value => !value.includes('aborted')))
    assert.equal(values.filter(value => value.includes('plain')).length, 6)
    assert.equal(values.filter(value => value.includes('committed')).length, 12)
  })

  it('of a compacted topic, over its gaps', async t => {
    const topic = await createTopic(t, {
      config: {
        'cleanup.policy': 'compact',
        'segment.bytes': '2048',
        'min.cleanable.dirty.ratio': '0.01',
        'min.compaction.lag.ms': '0',
      },
    })
    await javaProduce(rewrittenKeys(topic))
    const written = (await endOffsets(topic))[0]!
    await eventually(async () => (await javaConsume(topic)).length < written / 2, {
      deadlineMs: 60_000,
      message: 'the topic is compacted',
    })
    const lines = (await assertSeenAsByJava(t, topic)).get(0)!
    assert.ok(
      lines.some(({ offset }, index) => index > 0 && offset > lines[index - 1]!.offset + 1),
      'no gap',
    )
  })

  it('of one batch of 200,000 records', async t => {
    const topic = await createTopic(t, { config: { 'max.message.bytes': '100000000' } })
    const producer = 'one'
    await javaProduce([
      { step: 'open', producer, config: { ...ONE_BATCH, 'compression.type': 'lz4' } },
      { step: 'sendMany', producer, topic, partition: 0, count: HUGE_BATCH },
      { step: 'flush', producer },
    ])
    const seen = await assertSeenAsByJava(t, topic)
    assert.equal(seen.get(0)!.length, HUGE_BATCH)
  })
})

/** One partition and one producer per codec. */
function* strangeRecords(topic: string): Generator<JavaStep> {
  for (const [partition, codec] of CODECS.entries()) {
    const config = { ...ONE_BATCH, 'batch.size': '1000000', 'compression.type': codec }
    yield { step: 'open', producer: codec, config }
    for (const shape of SHAPES) yield { step: 'send', producer: codec, topic, partition, ...shape }
    yield { step: 'flush', producer: codec }
  }
}

/** Three rounds: a transaction that commits, one that aborts and plain records, in turns in each partition. */
function* interleavedTransactions(topic: string): Generator<JavaStep> {
  const fates = { committed: 'commit', aborted: 'abort' } as const
  const producers = [...Object.keys(fates), 'plain'] as (keyof typeof fates | 'plain')[]
  for (const producer of producers) {
    const config = producer === 'plain' ? {} : { 'transactional.id': `${topic}-${producer}` }
    yield { step: 'open', producer, config }
  }
  for (let round = 0; round < 3; round++) {
    for (const producer of ['committed', 'aborted']) yield { step: 'begin', producer }
    for (const part of ['first', 'second']) {
      for (const producer of producers) {
        if (producer === 'plain' && part === 'second') continue
        for (const partition of [0, 1])
          yield { step: 'send', producer, topic, partition, value: `${producer} ${round} ${part}` }
        yield { step: 'flush', producer }
      }
    }
    for (const [producer, step] of Object.entries(fates)) yield { step, producer }
  }
}

/** Few keys, written again and again, between others that stay; in batches small enough for many segments. */
function* rewrittenKeys(topic: string): Generator<JavaStep> {
  const producer = 'one'
  yield { step: 'open', producer }
  for (let round = 0; round < 60; round++) {
    for (let key = 0; key < 10; key++)
      yield {
        step: 'send',
        producer,
        topic,
        partition: 0,
        key: `key-${key}`,
        value: `round ${round} of ${key}`,
      }
    yield { step: 'send', producer, topic, partition: 0, key: `round-${round}`, value: 'stays' }
    yield { step: 'flush', producer }
  }
}
