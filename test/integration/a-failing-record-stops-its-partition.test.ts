import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunGroupOptions } from '#src/index.js'
import { Attempts } from '../support/attempts.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { errorsOf, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { within } from '../support/within.ts'
import { readOffsets } from '../support/zookeeper.ts'

const PARTITIONS = 4
const RECORDS_EACH = 200
/** Partition 1 fails here. */
const FAILS_AT = 120

async function fill(topic: string): Promise<void> {
  await produce(
    topic,
    Array.from({ length: PARTITIONS * RECORDS_EACH }, (_, number) => {
      const partition = number % PARTITIONS
      const offset = Math.floor(number / PARTITIONS)
      const kind = partition === 1 && offset === FAILS_AT ? 'fail' : 'ok'
      return { key: `${kind}-${number}`, value: 'x', partition }
    }),
  )
}

function options(topic: string, groupId: string): RunGroupOptions {
  const retry = { attempts: 2, backoffMs: 10 }
  return { groupId, topics: [topic], zookeeper: sharedStack().zookeeper, retry, commit: { intervalMs: 100 } }
}

describe("a record that always fails under onFailure 'stop'", () => {
  failOnLeaks()

  it('leaves its partition at that offset while all others finish, and a restart with a mended handler goes on exactly there', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    await fill(topic)
    const attempts = new Attempts(t)
    const broken = await runMember(t, attempts.handler(), options(topic, groupId))
    const errors = errorsOf(broken)
    const stopped = (): boolean =>
      broken
        .status()
        .partitions.every(({ partition, lag, state }) => (partition === 1 ? state === 'failed' : lag === 0))
    await eventually(stopped, { message: () => JSON.stringify(errors) })
    const [error] = errors
    assert.equal(errors.length, 1)
    assert.equal(error!.code, 'HANDLER_FAILED')
    const { threadId, ...details } = error!.details
    assert.deepEqual(details, { topic, partition: 1, offset: FAILS_AT, attempt: 2 })
    assert.equal(typeof threadId, 'number')
    await broken.stop()
    const expected = [0, 1, 2, 3].map(partition => (partition === 1 ? FAILS_AT : RECORDS_EACH))
    assert.deepEqual(Object.values(await readOffsets(groupId, topic)), expected)

    const before = attempts.read().length
    const mended = await runMember(t, attempts.handler({ fixed: true }), options(topic, groupId))
    await eventually(() => mended.status().partitions.every(({ lag }) => lag === 0))
    await mended.stop()
    const after = attempts.read().slice(before)
    assert.deepEqual(
      after.map(({ partition, offset }) => `${partition}/${offset}`),
      Array.from({ length: RECORDS_EACH - FAILS_AT }, (_, index) => `1/${FAILS_AT + index}`),
    )
  })

  it('fails the whole group instead where failGroup says so', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    await fill(topic)
    const attempts = new Attempts(t)
    const group = await runMember(t, attempts.handler(), { ...options(topic, groupId), failGroup: true })
    await assert.rejects(within(20_000, 'the end of the group', group.finished), { code: 'HANDLER_FAILED' })
    assert.equal(group.state, 'failed')
    assert.equal((await readOffsets(groupId, topic))[1], FAILS_AT)
  })
})
