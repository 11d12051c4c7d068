import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemberId } from '#src/options/member-id.js'

describe('createMemberId', () => {
  it('is another one each time, of hostname, milliseconds and eight letters', () => {
    const ids = Array.from({ length: 200 }, createMemberId)
    assert.equal(new Set(ids).size, ids.length)
    assert.ok(ids.every(id => /^.+-\d{13}-[A-Z]{8}$/.test(id)))
  })
})
