import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chooseLink, inServiceOrder, type FetchCandidate } from '#src/worker/feed/plan-fetch.js'

function candidate(partition: number, servedAt: number): FetchCandidate {
  return { topic: 't', partition, offset: 0, maxBytes: 1000, servedAt }
}

describe('the order of a fetch', () => {
  it('begins with the partition that was served longest ago', () => {
    const order = inServiceOrder([candidate(0, 7), candidate(1, 0), candidate(2, 3), candidate(3, 0)])
    assert.deepEqual(
      order.map(of => of.partition),
      [1, 3, 2, 0],
    )
  })

  it('serves every partition in turn when an answer holds only one', () => {
    const servedAt = new Map([0, 1, 2, 3, 4].map(partition => [partition, 0]))
    const turns: number[] = []
    for (let answer = 1; answer <= 15; answer += 1) {
      const first = inServiceOrder([...servedAt].map(([partition, at]) => candidate(partition, at)))[0]!
      servedAt.set(first.partition, answer)
      turns.push(first.partition)
    }
    assert.deepEqual(turns, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
  })
})

describe('the choice of a connection', () => {
  const idle = { hasCandidates: true, isPollBusy: false, isQuickBusy: false, wasPollFull: false }

  it('takes the long poll when nothing is under way', () => {
    assert.equal(chooseLink(idle), 'poll')
  })

  it('takes the quick one for whoever a long poll has left out', () => {
    assert.equal(chooseLink({ ...idle, isPollBusy: true }), 'quick')
  })

  it('holds the long poll back until the quick one is home, so that one request then has all', () => {
    assert.equal(chooseLink({ ...idle, isQuickBusy: true }), null)
  })

  it('does not hold back a poll that works off a backlog', () => {
    assert.equal(chooseLink({ ...idle, isQuickBusy: true, wasPollFull: true }), 'poll')
  })

  it('never sends on a busy connection, and never without partitions', () => {
    const situations = fc.record({
      hasCandidates: fc.boolean(),
      isPollBusy: fc.boolean(),
      isQuickBusy: fc.boolean(),
      wasPollFull: fc.boolean(),
    })
    fc.assert(
      fc.property(situations, situation => {
        const link = chooseLink(situation)
        assert.ok(link === null || situation.hasCandidates)
        assert.ok(link !== 'poll' || !situation.isPollBusy)
        assert.ok(link !== 'quick' || !situation.isQuickBusy)
      }),
    )
  })

  it('keeps somebody waiting only while a request is under way', () => {
    for (const wasPollFull of [true, false]) assert.notEqual(chooseLink({ ...idle, wasPollFull }), null)
  })
})
