import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isOver, leaseFrom, remainingMs, renewal } from '#src/coordinator/storage/zookeeper/lease.js'

const TIMEOUT_MS = 6_000
const at = (monoMs: number, wallMs = monoMs) => ({ monoMs, wallMs })

describe('a lease', () => {
  it('lasts two thirds of the session timeout from the moment the write was sent, by both clocks', () => {
    assert.deepEqual(leaseFrom(at(1_000, 50_000), TIMEOUT_MS), { monoMs: 5_000, wallMs: 54_000 })
  })

  it('is over as soon as either clock has reached its end', () => {
    const lease = leaseFrom(at(0), TIMEOUT_MS)
    assert.equal(isOver(lease, at(3_999)), false)
    assert.equal(isOver(lease, at(4_000, 0)), true)
    assert.equal(isOver(lease, at(0, 4_000)), true)
  })

  it('is not renewed by an answer that comes after its own end', () => {
    assert.equal(renewal(null, leaseFrom(at(0), TIMEOUT_MS), at(4_000)), null)
    assert.equal(renewal(null, leaseFrom(at(0), TIMEOUT_MS), at(10, 4_000)), null)
  })

  it('is not shortened by an older write that is answered later', () => {
    const newest = leaseFrom(at(1_000), TIMEOUT_MS)
    assert.equal(renewal(newest, leaseFrom(at(500), TIMEOUT_MS), at(1_100)), null)
    const newer = leaseFrom(at(2_000), TIMEOUT_MS)
    assert.equal(renewal(newest, newer, at(2_100)), newer)
  })

  it('never promises more than the send time plus two thirds, whatever is answered when', () => {
    const write = fc.record({ sentMs: fc.nat(20_000), delayMs: fc.nat(20_000) })
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), writes => {
        let current = null
        const answers = writes.sort((a, b) => a.sentMs + a.delayMs - b.sentMs - b.delayMs)
        for (const [index, { sentMs, delayMs }] of answers.entries()) {
          const now = at(sentMs + delayMs)
          current = renewal(current, leaseFrom(at(sentMs), TIMEOUT_MS), now) ?? current
          const newestSentMs = Math.max(...answers.slice(0, index + 1).map(answer => answer.sentMs))
          const promise = newestSentMs + (TIMEOUT_MS * 2) / 3
          assert.ok(current === null || current.monoMs <= promise)
          if (now.monoMs < promise) assert.equal(current?.monoMs, promise)
        }
      }),
    )
  })

  it('tells how long it still lasts by the clock that ends it first', () => {
    const lease = leaseFrom(at(0, 100), TIMEOUT_MS)
    assert.equal(remainingMs(lease, at(1_000, 3_000)), 1_100)
    assert.equal(remainingMs(lease, at(9_000)), 0)
  })
})
