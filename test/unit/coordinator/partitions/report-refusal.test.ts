import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OwnedPartition, OwnedPartitionState } from '#src/coordinator/partitions/owned-partition.js'
import { reportRefusal } from '#src/coordinator/partitions/report-refusal.js'
import type { Holder } from '#src/coordinator/storage/group-storage.js'
import { GroupError } from '#src/shared/errors.js'

const HOLDER: Holder = { name: 'other', isMember: true, path: '/consumers/g/owners/t/0', session: '0x1' }
const AWAY = new GroupError('ZOOKEEPER_DISCONNECTED', 'away')

/** What is reported of a partition in this state, when the storage answers so, one answer a look. */
async function reportsOf(
  state: OwnedPartitionState,
  answers: (Holder | null | GroupError)[],
): Promise<string[]> {
  const reports: string[] = []
  const stopping = new AbortController()
  const one = { topic: 't', partition: 0, state } as unknown as OwnedPartition
  await reportRefusal(one, {
    storage: {
      readHolder: async () => {
        const answer = answers.shift()
        if (answers.length === 0 && answer instanceof GroupError) stopping.abort()
        if (answer === undefined) throw new Error('looked once too often')
        if (answer instanceof GroupError) throw answer
        return answer
      },
    },
    stopSignal: stopping.signal,
    report: error => reports.push(error.code),
  })
  return reports
}

describe('the report of a refused claim', () => {
  it('is made when the storage can tell who holds the partition', async () => {
    assert.deepEqual(await reportsOf('waiting', [AWAY, HOLDER]), ['CLAIM_REFUSED'])
  })

  it('is not made when nobody holds it any more, or it has been claimed meanwhile', async () => {
    assert.deepEqual(await reportsOf('waiting', [null]), [])
    assert.deepEqual(await reportsOf('running', [HOLDER]), [])
  })

  it('is not made by a group that stops before the storage is back', async () => {
    assert.deepEqual(await reportsOf('waiting', [AWAY]), [])
  })
})
