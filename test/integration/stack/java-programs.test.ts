import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { javaConsume, javaProduce, javaProduceBatch, ONE_BATCH, type JavaStep } from '../../support/java.ts'
import { createTopic, endOffsets } from '../../support/kafka.ts'
import { sharedStack } from '../../support/stack.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

describe('Java programs of the tests', () => {
  for (const codec of CODECS)
    it(`write and read records with codec ${codec}, null keys and values, and repeated header names`, async t => {
      const topic = await createTopic(t)
      const timestamp = 1_700_000_000_000
      const headers = [
        ['trace', 'one'],
        ['trace', 'two'],
        ['empty', null],
      ] as const
      await javaProduceBatch(topic, codec, [
        { partition: 0, key: null, value: 'only a value', timestamp },
        { partition: 0, key: 'only a key', value: null, timestamp },
        { partition: 0, key: 'both', value: 'x'.repeat(1000), headers, timestamp },
      ])
      const buffers = headers.map(([name, value]) => [name, value === null ? null : Buffer.from(value)])
      assert.deepEqual(await javaConsume(topic), [
        { partition: 0, offset: 0, timestamp, key: null, value: Buffer.from('only a value'), headers: [] },
        { partition: 0, offset: 1, timestamp, key: Buffer.from('only a key'), value: null, headers: [] },
        {
          partition: 0,
          offset: 2,
          timestamp,
          key: Buffer.from('both'),
          value: Buffer.from('x'.repeat(1000)),
          headers: buffers,
        },
      ])
    })

  it('interleave committed and aborted transactions', async t => {
    const topic = await createTopic(t)
    const send = (producer: string, value: string): JavaStep[] => [
      { step: 'send', producer, topic, partition: 0, value },
      { step: 'flush', producer },
    ]
    await javaProduce([
      { step: 'open', producer: 'a', config: { 'transactional.id': `${topic}-a` } },
      { step: 'open', producer: 'b', config: { 'transactional.id': `${topic}-b` } },
      { step: 'begin', producer: 'a' },
      { step: 'begin', producer: 'b' },
      ...send('a', 'kept 1'),
      ...send('b', 'aborted 1'),
      ...send('a', 'kept 2'),
      ...send('b', 'aborted 2'),
      { step: 'abort', producer: 'b' },
      { step: 'commit', producer: 'a' },
    ])
    const values = async (isolation: 'read_committed' | 'read_uncommitted'): Promise<string[]> =>
      (await javaConsume(topic, isolation)).map(({ value }) => value!.toString())
    assert.deepEqual(await values('read_committed'), ['kept 1', 'kept 2'])
    assert.deepEqual(await values('read_uncommitted'), ['kept 1', 'aborted 1', 'kept 2', 'aborted 2'])
    assert.deepEqual(await endOffsets(topic), [6]) // four records and two control records
  })

  it('write one batch of 200,000 records', async t => {
    const topic = await createTopic(t, { config: { 'max.message.bytes': '100000000' } })
    await javaProduce([
      { step: 'open', producer: 'one', config: { ...ONE_BATCH, 'compression.type': 'lz4' } },
      { step: 'sendMany', producer: 'one', topic, partition: 0, count: 200_000 },
      { step: 'flush', producer: 'one' },
    ])
    const records = await javaConsume(topic)
    assert.equal(records.length, 200_000)
    assert.equal(records.at(-1)!.value!.toString(), 'value 199999')
    assert.equal(await countBatches(topic), 1)
  })
})

/** Record batches in the first segment of partition 0; each begins with its base offset and its length. */
async function countBatches(topic: string): Promise<number> {
  const log = await readFile(
    join(sharedStack().directory, 'broker-0', `${topic}-0`, '00000000000000000000.log'),
  )
  let count = 0
  for (let position = 0; position < log.length; position += 12 + log.readInt32BE(position + 8)) count++
  return count
}
