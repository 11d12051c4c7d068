import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  chooseLink,
  inServiceOrder,
  type FetchCandidate,
  type LinkSituation,
  type LinkState,
} from '#src/worker/feed/plan-fetch.js'

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
  const idle: LinkSituation = { hasCandidates: true, poll: 'ready', quick: 'ready', wasPollFull: false }

  it('takes the long poll when nothing is under way', () => {
    assert.equal(chooseLink(idle), 'poll')
  })

  it('takes the quick one for whoever a long poll has left out', () => {
    assert.equal(chooseLink({ ...idle, poll: 'out' }), 'quick')
    assert.equal(chooseLink({ ...idle, poll: 'overdue' }), 'quick')
  })

  it('holds the long poll back until the quick one is home, so that one request then has all', () => {
    assert.equal(chooseLink({ ...idle, quick: 'out' }), null)
  })

  it('does not hold back a poll that works off a backlog', () => {
    assert.equal(chooseLink({ ...idle, quick: 'out', wasPollFull: true }), 'poll')
  })

  it('does not wait for a quick link that is overdue or pausing', () => {
    assert.equal(chooseLink({ ...idle, quick: 'overdue' }), 'poll')
    assert.equal(chooseLink({ ...idle, quick: 'pausing' }), 'poll')
  })

  const states = fc.constantFrom<LinkState>('ready', 'out', 'overdue', 'pausing')
  const situations = fc.record({
    hasCandidates: fc.boolean(),
    poll: states,
    quick: states,
    wasPollFull: fc.boolean(),
  })

  it('sends only on a link that is ready, and never without partitions', () => {
    fc.assert(
      fc.property(situations, situation => {
        const link = chooseLink(situation)
        assert.ok(link === null || (situation.hasCandidates && situation[link] === 'ready'))
      }),
    )
  })

  it('keeps somebody waiting only for a timer or a request that is not overdue', () => {
    fc.assert(
      fc.property(situations, situation => {
        const { poll, quick, hasCandidates } = situation
        const ends = [poll, quick].some(state => state === 'out' || state === 'pausing')
        const bothOverdue = poll === 'overdue' && quick === 'overdue'
        fc.pre(hasCandidates && !ends && !bothOverdue)
        assert.notEqual(chooseLink(situation), null)
      }),
    )
  })
})
