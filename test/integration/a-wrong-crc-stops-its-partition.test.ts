import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { GroupError } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { privateStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

const BATCHES = 4
const PER_BATCH = 10
const DAMAGED = { partition: 0, batch: 2 }

/** Where the length of a batch stands, and how many bytes come before what it counts. */
const LENGTH_AT = 8
const LENGTH_COUNTS_FROM = 12

/** Changes the last byte of the nth batch of a segment. */
function damageBatch(segment: string, batch: number): void {
  const bytes = readFileSync(segment)
  let end = 0
  for (let number = 0; number <= batch; number++)
    end += LENGTH_COUNTS_FROM + bytes.readInt32BE(end + LENGTH_AT)
  bytes[end - 1]! ^= 0xff
  writeFileSync(segment, bytes)
}

describe('a record whose CRC is wrong', () => {
  it('stops its partition with topic, partition and offset; nothing past it is committed, and other partitions go on', async t => {
    const stack = await privateStack(t)
    const { brokers, zookeeper } = stack
    const topic = await createTopic(t, { partitions: 2, brokers })
    for (let batch = 0; batch < BATCHES; batch++)
      for (const partition of [0, 1]) {
        const messages = Array.from({ length: PER_BATCH }, () => ({ partition, value: `batch ${batch}` }))
        await produce(topic, messages, { brokers })
      }
    await stack.brokerProcess(0).stop()
    const segment = join(
      stack.directory,
      'broker-0',
      `${topic}-${DAMAGED.partition}`,
      '00000000000000000000.log',
    )
    damageBatch(segment, DAMAGED.batch)
    await stack.brokerProcess(0).start()

    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler(), {
      groupId,
      topics: [topic],
      zookeeper,
      commit: { intervalMs: 200 },
    })
    const errors: GroupError[] = []
    group.on('error', error => errors.push(error))
    const good = DAMAGED.batch * PER_BATCH
    const all = BATCHES * PER_BATCH
    await eventually(() => errors.length > 0 && group.status().handled === good + all)
    assert.equal(group.status().partitions[0]?.state, 'failed')
    await group.stop()

    assert.deepEqual(
      errors.map(error => error.code),
      ['BATCH_CORRUPT'],
    )
    const { message, details } = errors[0]!
    assert.deepEqual([details['topic'], details['partition'], details['offset']], [topic, 0, good])
    assert.match(message, new RegExp(`${topic}/0.*${good}`))
    assert.match(message, /CRC/i)
    assert.deepEqual(await readOffsets(groupId, topic, zookeeper), [good, all])
    assert.equal(ledger.count, good + all)
  })
})
