import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Backoff } from '#src/shared/backoff.js'

describe('backoff', () => {
  it('doubles up to its cap and spreads over the upper half', () => {
    const low = new Backoff({ initialMs: 100, maxMs: 500 }, () => 0)
    const high = new Backoff({ initialMs: 100, maxMs: 500 }, () => 1)
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => low.nextDelayMs()),
      [50, 100, 200, 250, 250],
    )
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => high.nextDelayMs()),
      [100, 200, 400, 500, 500],
    )
  })

  it('starts over after a reset', () => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 500 }, () => 1)
    backoff.nextDelayMs()
    backoff.nextDelayMs()
    backoff.reset()
    assert.equal(backoff.nextDelayMs(), 100)
  })

  it('stops waiting with the reason of its signal', async () => {
    const stop = new AbortController()
    const wait = new Backoff({ initialMs: 60_000, maxMs: 60_000 }).wait(stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(wait, (error: Error) => error.name === 'AbortError')
  })
})
