import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findOverdue, type LaneLook } from '#src/coordinator/failures/overdue.js'

const DEADLINE = { timeoutMs: 1000, graceMs: 500 }
const NOW = 10_000
const IN_TIME = NOW - 1400
const LATE = NOW - 1600

function look(lane: string, inHand: LaneLook<string>['inHand'], sinceMs: number | null): LaneLook<string> {
  return { lane, inHand, awaitingSinceMs: sinceMs }
}

describe('who has taken too long on a thread', () => {
  it('is the lane on the stack after its timeout, without a grace; the others could not settle', () => {
    const looks = [look('a', 'timed-out', LATE), look('b', 'slice', null)]
    assert.equal(findOverdue(looks, NOW - 1000, NOW, DEADLINE), null)
    assert.deepEqual(findOverdue(looks, NOW - 1001, NOW, DEADLINE), { lanes: ['b'], isBlocked: true })
  })

  it('is a lane that does not heed its signal, when its grace is over', () => {
    assert.equal(findOverdue([look('a', 'timed-out', IN_TIME)], 0, NOW, DEADLINE), null)
    const looks = [look('a', 'timed-out', LATE), look('b', 'awaited', NOW - 100)]
    assert.deepEqual(findOverdue(looks, 0, NOW, DEADLINE), { lanes: ['a'], isBlocked: false })
  })

  it('may be any that is in hand when the thread could not even abort', () => {
    const looks = [look('a', 'awaited', LATE), look('b', 'awaited', NOW - 1590), look('c', 'timed-out', LATE)]
    assert.deepEqual(findOverdue(looks, 0, NOW, DEADLINE), { lanes: ['a', 'b', 'c'], isBlocked: true })
  })

  it('is nobody where nothing is in hand', () => {
    assert.equal(findOverdue([], 0, NOW, DEADLINE), null)
  })
})
