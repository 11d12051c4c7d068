import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { runDeadly, type Deaths, PARTITIONS, PER_PARTITION } from '../support/deadly-group.ts'
import type { DeadlyEntry, DeadlyHandlerParameters } from '../support/deadly-handler.ts'
import { eventually } from '../support/eventually.ts'
import { produce } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

/** Of the lane that has more to do than the other one of its thread: it is the one that moves. */
const MOVES = 0
const RECORDS = 2_000
const RECORDS_OF_OTHER = 1_200
const BUSY = 'burn:*:3'
const DEADLINE_MS = 60_000

interface Scene extends Deaths {
  /** The other partition of the thread that has all the work. */
  readonly other: number
  /** The thread that partition 0 is to leave. */
  readonly from: number
}

const restarts = ({ group }: Deaths): number[] => group.status().workers.map(worker => worker.restarts)

/** All is handled that was there at first; then partition 0 and the other one of its thread get work, and no other does. */
async function begin(
  t: TestContext,
  parameters: DeadlyHandlerParameters,
  first = BUSY,
  rest = BUSY,
): Promise<Scene> {
  const deaths = await runDeadly(t, {}, { threads: 2 }, parameters)
  const { group, handler, topic } = deaths
  await eventually(() => handler.ended === PARTITIONS * PER_PARTITION, { deadlineMs: DEADLINE_MS })
  const { partitions } = group.status()
  const from = partitions[MOVES]!.threadId!
  const other = partitions.find(one => one.partition !== MOVES && one.threadId === from)!.partition
  const fill = (partition: number, count: number, value: string) =>
    Array.from({ length: count }, () => ({ partition, value }))
  await produce(topic, [
    { partition: MOVES, value: first },
    ...fill(MOVES, RECORDS - 1, rest),
    ...fill(other, RECORDS_OF_OTHER, BUSY),
  ])
  return { ...deaths, other, from }
}

/** All is handled, in order, and nothing begun twice but what is named; the group goes on until it is stopped. */
async function assertNothingElseRepeated(
  scene: Scene,
  repeated: Readonly<Record<string, number>>,
): Promise<void> {
  const { group, handler, topic, groupId, other } = scene
  const ends = Array.from({ length: PARTITIONS }, () => PER_PARTITION)
  ends[MOVES]! += RECORDS
  ends[other]! += RECORDS_OF_OTHER
  const total = ends.reduce((sum, end) => sum + end)
  await eventually(() => handler.ended >= total, {
    deadlineMs: DEADLINE_MS,
    intervalMs: 200,
    message: () => `${handler.ended} of ${total}; ${scene.errors.map(String).join('; ')}`,
  })
  assert.equal(group.state, 'running')
  await group.stop()
  const isMany = ([, count]: [string, number]): boolean => count > 1
  assert.deepEqual(Object.fromEntries(Object.entries(handler.starts()).filter(isMany)), repeated)
  assert.deepEqual(Object.entries(handler.ends()).filter(isMany), [])
  assert.equal(Object.keys(handler.ends()).length, total)
  assert.equal(firstOutOfOrder(handler.read()), null)
  assert.deepEqual(await readOffsets(groupId, topic), ends)
}

function firstOutOfOrder(entries: readonly DeadlyEntry[]): string | null {
  const last = new Map<number, number>()
  for (const { what, partition, offset } of entries) {
    if (what !== 'start' && what !== 'end') continue
    const before = last.get(partition) ?? -1
    if (offset < before) return `partition ${partition}: ${what} of ${offset} after ${before}`
    last.set(partition, offset)
  }
  return null
}

/** Threads of the partition's records from the first one of the busy time on, each run as one. */
function threadsOf({ handler }: Scene, partition: number): number[] {
  const starts = handler.read().filter(one => one.what === 'start' && one.partition === partition)
  const threads = starts.filter(({ offset }) => offset >= PER_PARTITION).map(one => one.threadId)
  return threads.filter((thread, index) => thread !== threads[index - 1])
}

describe('a lane goes on, and nothing is lost or repeated but what was in hand, when a thread dies while the lane moves', () => {
  it('and drains on that thread, with a record in hand', async t => {
    const scene = await begin(t, {}, 'exit-when-told:1', 'nothing')
    const { group, handler, from, failures } = scene
    await eventually(() => group.status().partitions[MOVES]!.state === 'moving', {
      deadlineMs: DEADLINE_MS,
      intervalMs: 5,
    })
    handler.tell()
    await assertNothingElseRepeated(scene, { [`${MOVES}/${PER_PARTITION}`]: 2 })
    assert.deepEqual(failures, [`${MOVES}/${PER_PARTITION} 1 HANDLER_KILLED_THREAD`])
    assert.equal(threadsOf(scene, MOVES)[0], from)
    assert.equal(threadsOf(scene, MOVES).length, 2, 'it went where it was to go')
    assert.deepEqual([scene.died, scene.replaced], [[from], [from]])
  })

  it('and is released by the handler module on that thread', async t => {
    const scene = await begin(t, { inHook: `released:exit:${MOVES}:1:1` })
    await eventually(() => scene.died.length === 1, { deadlineMs: DEADLINE_MS })
    assert.deepEqual(scene.died, [scene.from])
    await assertNothingElseRepeated(scene, {})
    assert.ok(threadsOf(scene, MOVES).length > 1, 'it went where it was to go')
    assert.deepEqual(scene.failures, [])
  })

  it('and starts on that thread, the new one', async t => {
    const scene = await begin(t, { inHook: `claimed:exit:${MOVES}:2:2` })
    await eventually(() => scene.died.length === 1, { deadlineMs: DEADLINE_MS })
    assert.deepEqual(scene.died, [1 - scene.from])
    await assertNothingElseRepeated(scene, {})
    assert.deepEqual(threadsOf(scene, MOVES).slice(0, 2), [scene.from, 1 - scene.from])
    assert.deepEqual([scene.failures, restarts(scene).toSorted()], [[], [0, 1]])
  })
})
