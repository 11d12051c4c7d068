import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { LeaseKeeper } from '#src/coordinator/storage/zookeeper/lease-keeper.js'

const TIMEOUT_MS = 6_000

/** A keeper whose clocks and timers the test moves. */
function keeperAt(startMs: number) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const now = { monoMs: startMs, wallMs: startMs }
  const events: string[] = []
  const keeper = new LeaseKeeper(
    {
      leaseRenewed: lease => events.push(`until ${lease.monoMs}`),
      leaseOver: () => events.push('over'),
    },
    () => ({ ...now }),
  )
  const advance = (ms: number): void => {
    now.monoMs += ms
    now.wallMs += ms
    mock.timers.tick(ms)
  }
  const freeze = (ms: number): void => {
    now.monoMs += ms
    now.wallMs += ms
  }
  return { keeper, events, now, advance, freeze }
}

describe('the lease keeper', { concurrency: false }, () => {
  it('renews at each answered write and tells when the lease runs out, once', t => {
    t.after(() => mock.timers.reset())
    const { keeper, events, now, advance } = keeperAt(0)
    keeper.resume()
    keeper.written({ ...now }, TIMEOUT_MS)
    advance(1_000)
    keeper.written({ ...now }, TIMEOUT_MS)
    assert.equal(keeper.holds, true)
    advance(3_999)
    assert.deepEqual(events, ['until 4000', 'until 5000'])
    advance(10_000)
    assert.deepEqual(events, ['until 4000', 'until 5000', 'over'])
    assert.equal(keeper.holds, false)
  })

  it('counts from when the write was sent, however late the answer is', t => {
    t.after(() => mock.timers.reset())
    const { keeper, events, advance } = keeperAt(0)
    keeper.resume()
    advance(3_000)
    keeper.written({ monoMs: 0, wallMs: 0 }, TIMEOUT_MS)
    assert.deepEqual(events, ['until 4000'])
  })

  it('says that the lease is over before anything else when a thawed process reads an old answer first', t => {
    t.after(() => mock.timers.reset())
    const { keeper, events, now, freeze } = keeperAt(0)
    keeper.resume()
    keeper.written({ ...now }, TIMEOUT_MS)
    const sent = { ...now, monoMs: 1_000, wallMs: 1_000 }
    freeze(12_000) // timers have had no turn
    assert.equal(keeper.holds, false)
    keeper.written(sent, TIMEOUT_MS)
    assert.deepEqual(events, ['until 4000', 'over'])
  })

  it('renews again after it was over, when a new write is answered in time', t => {
    t.after(() => mock.timers.reset())
    const { keeper, events, now, advance } = keeperAt(0)
    keeper.resume()
    keeper.written({ ...now }, TIMEOUT_MS)
    advance(5_000)
    keeper.written({ ...now }, TIMEOUT_MS)
    assert.deepEqual(events, ['until 4000', 'over', 'until 9000'])
  })

  it('ends by the wall clock too, which goes on while the machine sleeps', t => {
    t.after(() => mock.timers.reset())
    const { keeper, now } = keeperAt(0)
    keeper.resume()
    keeper.written({ ...now }, TIMEOUT_MS)
    now.wallMs += 60_000
    assert.equal(keeper.holds, false)
  })

  it('renews nothing while held, and then from the newest write', t => {
    t.after(() => mock.timers.reset())
    const { keeper, events, now, advance } = keeperAt(0)
    keeper.resume()
    keeper.written({ ...now }, TIMEOUT_MS)
    keeper.hold()
    advance(1_000)
    keeper.written({ ...now }, TIMEOUT_MS)
    advance(500)
    assert.deepEqual(events, ['until 4000'])
    keeper.resume()
    assert.deepEqual(events, ['until 4000', 'until 5000'])
  })

  it('ends at once when told to, and stays ended', t => {
    t.after(() => mock.timers.reset())
    const { keeper, events, now, advance } = keeperAt(0)
    keeper.resume()
    keeper.written({ ...now }, TIMEOUT_MS)
    keeper.end()
    keeper.written({ ...now }, TIMEOUT_MS)
    keeper.end()
    advance(10_000)
    assert.deepEqual(events, ['until 4000', 'over'])
  })
})
