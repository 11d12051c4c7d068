import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inTime } from '#src/shared/in-time.js'

describe('inTime', () => {
  it('resolves with the work, rejects with it, and waits no longer than it may', async () => {
    await inTime(() => Promise.resolve(), 60_000)
    await assert.rejects(
      inTime(() => Promise.reject(new Error('no')), 60_000),
      /no/,
    )
    let given: AbortSignal | null = null
    await inTime(signal => {
      given = signal
      return new Promise(() => {})
    }, 1)
    assert.equal((given as AbortSignal | null)?.aborted, true)
  })
})
