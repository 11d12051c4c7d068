import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Group, GroupError, RunGroupOptions } from '#src/index.js'
import { DeadlyHandler, type DeadlyHandlerParameters } from './deadly-handler.ts'
import { eventually } from './eventually.ts'
import { createTopic, produce, uniqueGroup } from './kafka.ts'
import { errorsOf, runMember } from './running-group.ts'
import { sharedStack } from './stack.ts'
import { readOffsets } from './zookeeper.ts'

export const PARTITIONS = 4
export const PER_PARTITION = 20
const DEADLINE_MS = 40_000
/** As many attempts as a record has. */
const ATTEMPTS = 3

export interface Deaths {
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
export async function runDeadly(
  t: TestContext,
  says: Readonly<Record<string, string>>,
  options: Partial<RunGroupOptions> = {},
  parameters: DeadlyHandlerParameters = {},
): Promise<Deaths> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const records = Array.from({ length: PARTITIONS * PER_PARTITION }, (_, number) => {
    const partition = number % PARTITIONS
    return { partition, value: says[`${partition}/${Math.floor(number / PARTITIONS)}`] ?? 'nothing' }
  })
  await produce(topic, records)
  const handler = new DeadlyHandler(t, parameters)
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
    told.failures.push(`${partition}/${offset} ${attempt} ${codeOf(error)}`)
  })
  group.on('worker:died', ({ threadId }) => told.died.push(threadId))
  group.on('worker:replaced', ({ threadId }) => told.replaced.push(threadId))
  return { group, handler, topic, groupId, ...told }
}

/** Every record is finished once, the deadly ones after as many starts as they said, and the offsets are at the end. */
export async function assertAllHandled(
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

/** Which attempts the error events name: code, partition, offset, attempt. */
export function errorAttempts({ errors }: Pick<Deaths, 'errors'>): unknown[][] {
  return errors.map(({ code, details }) => [
    code,
    details['partition'],
    details['offset'],
    details['attempt'],
  ])
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name
}
