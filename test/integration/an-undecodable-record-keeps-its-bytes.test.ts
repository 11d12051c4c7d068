import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { GroupStatus } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { inRepository } from '../support/repository.ts'
import { readTopic } from '../support/read-topic.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { within } from '../support/within.ts'

/** Long enough for a look at the status while the record waits. */
const BACKOFF_MS = 1_000
/** No JSON, and no text either. */
const UNDECODABLE = Buffer.from([0x7b, 0xff, 0xfe, 0x00])

describe('a record that cannot be decoded', () => {
  failOnLeaks()

  it('waits for its attempts as the status shows, and goes with its bytes to the dead-letter topic', async t => {
    const topic = await createTopic(t)
    await produce(topic, [{ value: '1' }, { value: UNDECODABLE }, { value: '3' }])
    const groupId = uniqueGroup()
    const handler = pathToFileURL(inRepository('test/fixtures/handlers/seen.js'))
    handler.search = `file=${join(temporaryDirectory(t), 'seen')}&decode=json`
    const group = await runMember(t, handler, {
      groupId,
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
      retry: { attempts: 2, backoffMs: BACKOFF_MS, jitter: 0 },
      onFailure: 'dead-letter',
    })
    const deadLettered = new Promise<bigint>(resolve =>
      group.on('record:dead-lettered', ({ offset }) => resolve(offset)),
    )
    const partition = (): GroupStatus['partitions'][number] | undefined => group.status().partitions[0]
    const retry = await eventually(() => {
      const now = partition()
      return now?.waitsFor === 'retry' && now.retry
    })
    assert.deepEqual([retry.offset, retry.attempts], [1n, 1])
    assert.ok(retry.inMs <= BACKOFF_MS && retry.waitedMs >= 0)

    assert.equal(await within(30_000, 'the record is given up', deadLettered), 1n)
    await eventually(() => partition()!.lag === 0)
    assert.equal(partition()!.retry, null)
    await group.stop()
    const [letter, ...more] = (await readTopic(`${groupId}.dead-letters`)).flat()
    assert.deepEqual([letter!.value, more.length], [UNDECODABLE, 0])
    assert.equal(String(letter!.headers!['x-kwg-error-code']), 'DECODE_FAILED')
  })
})
