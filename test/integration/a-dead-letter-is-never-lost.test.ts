import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunGroupOptions } from '#src/index.js'
import { Attempts } from '../support/attempts.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { MemberProcess } from '../support/member-process.ts'
import { readTopic } from '../support/read-topic.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

const RECORDS = 30
const FAILS_EVERY = 10

function options(topic: string, groupId: string): RunGroupOptions {
  return {
    groupId,
    topics: [topic],
    zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2000 },
    retry: { attempts: 1 },
    onFailure: 'dead-letter',
    offsetReset: 'earliest',
    threads: 1,
    commit: { intervalMs: 60_000 }, // so that nothing is committed between the acknowledgement and the kill
  }
}

async function originsOf(topic: string): Promise<number[]> {
  const letters = (await readTopic(topic)).flat()
  return letters.map(({ headers }) => Number(String(headers!['x-kwg-offset'])))
}

describe('kill -9 between the acknowledgement of a dead letter and the commit', () => {
  it('makes the next start dead-letter the record again, or not, and never lose it', async t => {
    const topic = await createTopic(t)
    const groupId = uniqueGroup()
    await produce(
      topic,
      Array.from({ length: RECORDS }, (_, number) => ({
        key: `${number % FAILS_EVERY === 5 ? 'fail' : 'ok'}-${number}`,
        value: `value ${number}`,
      })),
    )
    const attempts = new Attempts(t)
    const victim = new MemberProcess(t, attempts.handler({ burnMs: 20 }), options(topic, groupId))
    await victim.event('record:dead-lettered')
    victim.signal('SIGKILL')
    assert.equal(await victim.exit(), 'SIGKILL')
    const letters = `${groupId}.dead-letters`
    assert.deepEqual(await originsOf(letters), [5])
    assert.deepEqual(Object.values(await readOffsets(groupId, topic)), [0], 'nothing was committed')

    const group = await runMember(t, attempts.handler(), options(topic, groupId))
    await eventually(() => group.status().partitions.every(({ lag }) => lag === 0))
    await group.stop()
    const origins = await originsOf(letters)
    assert.deepEqual([...new Set(origins)], [5, 15, 25])
    assert.ok(origins.length <= 4, `${origins.join(', ')}: only the one in doubt may be there twice`)
    assert.deepEqual(Object.values(await readOffsets(groupId, topic)), [RECORDS])
  })
})
