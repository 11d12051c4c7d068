import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keepChunk } from '#src/worker/feed/keep-chunk.js'

describe('keeping the records of one partition', () => {
  const answer = Buffer.alloc(1000, 7)

  it('keeps the answer when they are most of it', () => {
    const view = answer.subarray(100, 900)
    assert.equal(keepChunk(view), view)
  })

  it('copies them out when they are a small part of it, into memory of exactly their size', () => {
    const view = answer.subarray(100, 400)
    const kept = keepChunk(view)
    assert.deepEqual(kept, view)
    assert.notEqual(kept.buffer, view.buffer)
    assert.equal(kept.buffer.byteLength, 300)
  })
})
