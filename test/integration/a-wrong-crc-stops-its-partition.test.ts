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
const DAMAGED_BATCH = 2
/** Partition 0 in its last record, partition 1 in the field that tells its last offset; partition 2 is good. */
const PARTITIONS = [0, 1, 2]

/** Where the length of a batch stands, and how many bytes come before what it counts. */
const LENGTH_AT = 8
const LENGTH_COUNTS_FROM = 12
const LAST_OFFSET_DELTA_AT = 23

/** Changes one byte of the damaged batch of a segment. */
function damageBatch(segment: string, at: (start: number, end: number) => number): void {
  const bytes = readFileSync(segment)
  let start = 0
  let end = 0
  for (let number = 0; number <= DAMAGED_BATCH; number++) {
    start = end
    end += LENGTH_COUNTS_FROM + bytes.readInt32BE(end + LENGTH_AT)
  }
  bytes[at(start, end)]! ^= 0x04
  writeFileSync(segment, bytes)
}

describe('a record whose CRC is wrong', () => {
  it('stops its partition with topic, partition and offset; nothing past it is committed, and other partitions go on', async t => {
    const stack = await privateStack(t)
    const { brokers, zookeeper } = stack
    const topic = await createTopic(t, { partitions: PARTITIONS.length, brokers })
    for (let batch = 0; batch < BATCHES; batch++)
      for (const partition of PARTITIONS) {
        const messages = Array.from({ length: PER_BATCH }, () => ({ partition, value: `batch ${batch}` }))
        await produce(topic, messages, { brokers })
      }
    await stack.brokerProcess(0).stop()
    const segment = (partition: number): string =>
      join(stack.directory, 'broker-0', `${topic}-${partition}`, '00000000000000000000.log')
    damageBatch(segment(0), (_start, end) => end - 1)
    damageBatch(segment(1), start => start + LAST_OFFSET_DELTA_AT)
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
    const good = DAMAGED_BATCH * PER_BATCH
    const all = BATCHES * PER_BATCH
    await eventually(() => errors.length > 1 && group.status().handled === 2 * good + all)
    assert.deepEqual(
      group.status().partitions.map(one => one.state),
      ['failed', 'failed', 'running'],
    )
    await group.stop()

    errors.sort((a, b) => Number(a.details['partition']) - Number(b.details['partition']))
    assert.deepEqual(
      errors.map(({ code, details }) => [code, details['topic'], details['partition'], details['offset']]),
      [0, 1].map(partition => ['BATCH_CORRUPT', topic, partition, good]),
    )
    for (const [partition, { message }] of errors.entries())
      assert.match(message, new RegExp(`${topic}/${partition}.*${good}.*CRC`))
    assert.deepEqual(await readOffsets(groupId, topic, zookeeper), [good, good, all])
    assert.equal(ledger.count, 2 * good + all)
  })
})
