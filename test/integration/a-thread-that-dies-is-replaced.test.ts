import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group, GroupError, RunGroupOptions } from '#src/index.js'
import { DeadlyHandler } from '../support/deadly-handler.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { errorsOf, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 4
const PER_PARTITION = 20
const DEADLINE_MS = 40_000
/** As many attempts as a record has. */
const ATTEMPTS = 3

interface Deaths {
  readonly group: Group
  readonly handler: DeadlyHandler
  readonly topic: string
  readonly groupId: string
  readonly errors: readonly GroupError[]
  /** What was told of failed attempts: `partition/offset attempt code`. */
  readonly failures: readonly string[]
  readonly died: readonly number[]
  readonly replaced: readonly number[]
}

/** A member on a topic whose records say what is done to their threads; what is not said is harmless. */
async function runDeadly(
  t: TestContext,
  says: Readonly<Record<string, string>>,
  options: Partial<RunGroupOptions> = {},
): Promise<Deaths> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const records = Array.from({ length: PARTITIONS * PER_PARTITION }, (_, number) => {
    const partition = number % PARTITIONS
    return { partition, value: says[`${partition}/${Math.floor(number / PARTITIONS)}`] ?? 'nothing' }
  })
  await produce(topic, records)
  const handler = new DeadlyHandler(t)
  const groupId = uniqueGroup()
  const group = await runMember(t, handler.url, {
    groupId,
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
    retry: { attempts: ATTEMPTS, backoffMs: 10, maxBackoffMs: 10 },
    ...options,
  })
  const told = {
    errors: errorsOf(group),
    failures: [] as string[],
    died: [] as number[],
    replaced: [] as number[],
  }
  group.on('record:failed', ({ partition, offset, attempt, error }) => {
    told.failures.push(`${partition}/${offset} ${attempt} ${(error as GroupError).code}`)
  })
  group.on('worker:died', ({ threadId }) => told.died.push(threadId))
  group.on('worker:replaced', ({ threadId }) => told.replaced.push(threadId))
  return { group, handler, topic, groupId, ...told }
}

/** Every record is finished once, the deadly ones after as many starts as they said, and the offsets are at the end. */
async function assertAllHandled(
  { group, handler, topic, groupId, errors }: Deaths,
  starts: Readonly<Record<string, number>>,
): Promise<void> {
  await eventually(() => handler.ended >= PARTITIONS * PER_PARTITION, {
    deadlineMs: DEADLINE_MS,
    message: () => `${handler.ended} handled; errors: ${errors.map(String).join('; ')}`,
  })
  await group.stop()
  assert.deepEqual(Object.values(handler.ends()), Array(PARTITIONS * PER_PARTITION).fill(1))
  const repeated = Object.fromEntries(Object.entries(handler.starts()).filter(([, count]) => count > 1))
  assert.deepEqual(repeated, starts)
  assert.deepEqual(await readOffsets(groupId, topic), Array(PARTITIONS).fill(PER_PARTITION))
}

describe('a thread that dies', () => {
  for (const [what, how] of [
    ['exit', 'a handler exits'],
    ['throw', 'a timer of a handler throws'],
    ['reject', 'a handler leaves a rejection unhandled'],
  ] as const) {
    it(`is replaced when ${how}: its record is run again, the others go on without a repeat`, async t => {
      const deaths = await runDeadly(t, { '1/5': `${what}:2` })
      await assertAllHandled(deaths, { '1/5': 3 })
      assert.deepEqual(deaths.failures, ['1/5 1 HANDLER_KILLED_THREAD', '1/5 2 HANDLER_KILLED_THREAD'])
      assert.deepEqual([deaths.died.length, deaths.replaced.length], [2, 2])
      assert.deepEqual(
        deaths.errors.map(({ code, details }) => [
          code,
          details['partition'],
          details['offset'],
          details['attempt'],
        ]),
        [
          ['WORKER_DIED', 1, 5, 1],
          ['WORKER_DIED', 1, 5, 2],
        ],
      )
    })
  }

  it('is replaced when its memory is used up', async t => {
    const deaths = await runDeadly(t, { '2/3': 'memory:1' }, { threadMemoryMb: 32 })
    await assertAllHandled(deaths, { '2/3': 2 })
    assert.deepEqual(deaths.failures, ['2/3 1 HANDLER_KILLED_THREAD'])
  })

  it('is replaced together with another that dies at the same time, and its replacement with it', async t => {
    const says = Object.fromEntries(
      [0, 1, 2, 3].flatMap(partition => [
        [`${partition}/0`, 'exit:2'],
        [`${partition}/1`, 'exit:1'],
      ]),
    )
    const deaths = await runDeadly(t, says)
    const starts = Object.fromEntries(
      Object.entries(says).map(([name, said]) => [name, said === 'exit:2' ? 3 : 2]),
    )
    await assertAllHandled(deaths, starts)
    assert.equal(deaths.failures.length, 12)
    assert.equal(deaths.died.length, 12)
  })
})
