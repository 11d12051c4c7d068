import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PARTITIONS, PER_PARTITION, runDeadly, type Deaths } from '../support/deadly-group.ts'
import type { DeadlyEntry } from '../support/deadly-handler.ts'
import { eventually } from '../support/eventually.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { readTopic } from '../support/read-topic.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const BATCH = 5
const GUILTY = 7
const ALL = Array.from({ length: PER_PARTITION }, (_, offset) => offset)
const DEADLINE_MS = 90_000
const OPTIONS = { threads: 1, onFailure: 'dead-letter', batchSize: BATCH, batchWaitMs: 1_000 } as const

/** Origins and codes of the dead letters. */
async function letters(groupId: string): Promise<string[]> {
  const messages = (await readTopic(`${groupId}.dead-letters`)).flat()
  return messages.map(({ headers = {} }) =>
    ['partition', 'offset', 'attempts', 'error-code'].map(name => String(headers[`x-kwg-${name}`])).join(' '),
  )
}

/** Ends the group once all offsets are at the end: the guilty record is the only dead letter, and the others were handled in order. */
async function assertOnlyGuiltyIsGivenUp({ group, handler, topic, groupId }: Deaths): Promise<void> {
  const floors = (): number[] => group.status().partitions.map(one => Number(one.committable))
  await eventually(() => floors().every(floor => floor === PER_PARTITION), {
    deadlineMs: DEADLINE_MS,
    message: () => `all at ${PER_PARTITION}, not at ${floors().join(', ')}`,
  })
  await group.stop()
  assert.deepEqual(await letters(groupId), [`1 ${GUILTY} 3 HANDLER_KILLED_THREAD`])
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    assert.deepEqual(
      firstEnds(handler.read(), partition),
      ALL.filter(offset => partition !== 1 || offset !== GUILTY),
    )
  assert.deepEqual(await readOffsets(groupId, topic), Array(PARTITIONS).fill(PER_PARTITION))
}

/** Offsets in the order in which they ended for the first time. */
function firstEnds(entries: readonly DeadlyEntry[], partition: number): number[] {
  const ends = entries.filter(one => one.what === 'end' && one.partition === partition)
  return [...new Set(ends.map(({ offset }) => offset))]
}

/** Of partition 1: `<first offset>+<records>`. */
function batches({ handler }: Deaths): string[] {
  return handler
    .read()
    .filter(({ what, partition }) => what === 'batch' && partition === 1)
    .map(({ offset, attempt: size }) => `${offset}+${size}`)
}

describe('a batch that ends its thread', () => {
  it('is run record by record on the next one: only the guilty record is given up, the others are handled in order', async t => {
    const deaths = await runDeadly(t, { [`1/${GUILTY}`]: 'exit:99' }, OPTIONS, { isForBatches: true })
    await assertOnlyGuiltyIsGivenUp(deaths)
    const alone = ['5+1', '6+1', '7+1', '7+1', '7+1', '8+1', '9+1']
    assert.deepEqual(batches(deaths), ['0+5', '5+5', ...alone, '10+5', '15+5'])
    assert.deepEqual(deaths.failures, ['1/7 1 HANDLER_KILLED_THREAD', '1/7 2 HANDLER_KILLED_THREAD'])
    assert.equal(deaths.died.length, 4)
  })

  it('with other batches in hand on the thread is found out among them, too', async t => {
    const says = { [`1/${GUILTY}`]: 'exit-later:99:300', '0/7': 'wait:2:600', '2/7': 'wait:2:600' }
    const deaths = await runDeadly(t, says, OPTIONS, { isForBatches: true })
    await assertOnlyGuiltyIsGivenUp(deaths)
    assert.ok(
      deaths.failures.every(failure => failure.startsWith(`1/${GUILTY} `)),
      deaths.failures.join(),
    )
  })
})
