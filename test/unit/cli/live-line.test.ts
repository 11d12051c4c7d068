import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { liveText } from '#src/cli/live-line.js'
import type { GroupStatus } from '#src/status.js'

const worker = {
  threadId: 0,
  busyShare: 0.914,
  loopDelayMs: 1,
  runningForMs: null,
  partitions: 1,
  handled: 0,
  restarts: 0,
}
const partition = { topic: 't', partition: 0, epoch: 5n } as GroupStatus['partitions'][number]
const status: GroupStatus = {
  groupId: 'g',
  memberId: 'm',
  state: 'running',
  session: { state: 'connected', timeoutMs: 6_000, leaseRemainingMs: 3_000 },
  partitions: [partition, { ...partition, partition: 1, epoch: null }],
  workers: [worker, { ...worker, threadId: 1, busyShare: 0.05 }],
  handled: 1_234_567,
  lag: 890,
}

describe('the live line', () => {
  it('tells records, rate, lag, claimed partitions and how busy each thread is', () => {
    assert.equal(
      liveText(status, 4_321.6),
      '1,234,567 records   4,322/s   lag 890   1 partitions   threads 91% 5%',
    )
  })

  it('begins with the state when that is not running', () => {
    assert.match(liveText({ ...status, state: 'suspended', workers: [] }, 0), /^suspended .*threads -$/)
  })
})
