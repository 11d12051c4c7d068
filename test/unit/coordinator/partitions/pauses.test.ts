import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pauses } from '#src/coordinator/partitions/pauses.js'

describe('pauses', () => {
  it('pauses and resumes everything, a topic, or one partition', () => {
    const pauses = new Pauses()
    pauses.set(true, 'a', 1)
    assert.equal(pauses.isPaused({ topic: 'a', partition: 1 }), true)
    assert.equal(pauses.isPaused({ topic: 'a', partition: 2 }), false)
    pauses.set(true, 'b')
    assert.equal(pauses.isPaused({ topic: 'b', partition: 7 }), true)
    pauses.set(false)
    assert.equal(pauses.isPaused({ topic: 'a', partition: 1 }), false)
    assert.equal(pauses.isPaused({ topic: 'b', partition: 7 }), false)
  })

  it('lets the newest word on a partition count', () => {
    const pauses = new Pauses()
    pauses.set(true)
    pauses.set(false, 'a')
    pauses.set(true, 'a', 3)
    assert.deepEqual(
      [0, 3].map(partition => pauses.isPaused({ topic: 'a', partition })),
      [false, true],
    )
    assert.equal(pauses.isPaused({ topic: 'other', partition: 0 }), true)
    pauses.set(false, 'a')
    assert.equal(pauses.isPaused({ topic: 'a', partition: 3 }), false)
  })
})
