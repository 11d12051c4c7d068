import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describePartitions } from '#src/coordinator/visits/describe-group.js'

const stored = {
  idsPath: '/consumers/g/ids',
  members: [{ memberId: 'm', data: Buffer.alloc(0), czxid: 1n }],
  topics: ['b', 'a'],
  owners: [{ topic: 'a', partition: 10, owner: 'm' }],
  offsets: [
    { topic: 'a', partition: 10, offset: 5 },
    { topic: 'a', partition: 2, offset: 9 },
    { topic: 'b', partition: 0, offset: 3 },
  ],
}
const existing = [2, 10].map(partition => ({ topic: 'a', partition }))

describe('describePartitions', () => {
  it('has a row for every partition that exists or is stored, by topic and number', () => {
    const rows = describePartitions(stored, existing, [
      { topic: 'a', partition: 10, offset: 8 },
      { topic: 'a', partition: 2, offset: 9 },
    ])
    assert.deepEqual(rows, [
      { topic: 'a', partition: 2, owner: null, committed: 9, end: 9, lag: 0 },
      { topic: 'a', partition: 10, owner: 'm', committed: 5, end: 8, lag: 3 },
      { topic: 'b', partition: 0, owner: null, committed: 3, end: null, lag: null },
    ])
  })

  it('has no lag below zero when the log was cut behind the committed offset', () => {
    const [row] = describePartitions(stored, existing, [{ topic: 'a', partition: 2, offset: 1 }])
    assert.deepEqual([row?.committed, row?.end, row?.lag], [9, 1, 0])
  })
})
