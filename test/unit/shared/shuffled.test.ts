import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { shuffled } from '#src/shared/shuffled.js'

describe('shuffled items', () => {
  it('are all there, in an order that chance decides', () => {
    const items = ['a', 'b', 'c', 'd']
    assert.deepEqual(shuffled(items).sort(), items)
    assert.deepEqual(
      shuffled(items, () => 0),
      ['b', 'c', 'd', 'a'],
    )
    assert.deepEqual(items, ['a', 'b', 'c', 'd'], 'the given ones stay as they are')
  })
})
