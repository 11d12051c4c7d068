import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PARTITIONS, PER_PARTITION, runDeadly } from '../support/deadly-group.ts'
import { eventually } from '../support/eventually.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const DEADLINE_MS = 40_000
const ALL = PARTITIONS * PER_PARTITION

describe('a record that ends its thread at every attempt', () => {
  for (const [what, code] of [
    ['exit', 'HANDLER_KILLED_THREAD'],
    ['block', 'HANDLER_TIMEOUT'],
  ] as const) {
    it(`is skipped once its attempts are used up, and everything else goes on (${what})`, async t => {
      const deaths = await runDeadly(t, { '3/2': `${what}:99` }, { onFailure: 'skip', handlerTimeoutMs: 400 })
      const { group, handler, failures, groupId, topic } = deaths
      const skipped: unknown[] = []
      group.on('record:skipped', ({ partition, offset, attempts, error }) => {
        skipped.push([partition, Number(offset), attempts, 'code' in error ? error.code : null])
      })
      await eventually(() => handler.ended === ALL - 1 && skipped.length > 0, { deadlineMs: DEADLINE_MS })
      await group.stop()
      assert.equal(handler.starts()['3/2'], 3)
      assert.deepEqual(failures, [`3/2 1 ${code}`, `3/2 2 ${code}`])
      assert.deepEqual(skipped, [[3, 2, 3, code]])
      assert.deepEqual(await readOffsets(groupId, topic), Array(PARTITIONS).fill(PER_PARTITION))
    })
  }

  it('stops its partition there, with what it did as the cause', async t => {
    const { group, handler, groupId, topic } = await runDeadly(t, { '3/2': 'exit:99' })
    const failed = (): { state: string; failure: unknown }[] =>
      group.status().partitions.filter(one => one.state === 'failed')
    await eventually(() => failed().length === 1 && handler.ended === ALL - PER_PARTITION + 2, {
      deadlineMs: DEADLINE_MS,
    })
    assert.equal((failed()[0]!.failure as { code: string }).code, 'HANDLER_KILLED_THREAD')
    await group.stop()
    assert.equal(handler.starts()['3/2'], 3)
    assert.deepEqual(await readOffsets(groupId, topic), [PER_PARTITION, PER_PARTITION, PER_PARTITION, 2])
  })
})
