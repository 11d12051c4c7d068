import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SendWindow } from '#src/coordinator/storage/zookeeper/send-window.js'

function windowOf(size: number) {
  const sent: string[] = []
  const window = new SendWindow(size)
  const enter = (name: string, isUrgent = false): void => window.enter(() => sent.push(name), isUrgent)
  return { window, sent, enter }
}

describe('the send window', () => {
  it('lets calls wait in order once it is full', () => {
    const { window, sent, enter } = windowOf(2)
    for (const name of ['a', 'b', 'c', 'd']) enter(name)
    assert.deepEqual(sent, ['a', 'b'])
    window.leave()
    assert.deepEqual(sent, ['a', 'b', 'c'])
    window.leave()
    assert.deepEqual(sent, ['a', 'b', 'c', 'd'])
  })

  it('lets urgent calls pass, and counts them', () => {
    const { window, sent, enter } = windowOf(1)
    enter('a')
    enter('b')
    enter('urgent', true)
    assert.deepEqual(sent, ['a', 'urgent'])
    window.leave()
    assert.deepEqual(sent, ['a', 'urgent'])
    window.leave()
    assert.deepEqual(sent, ['a', 'urgent', 'b'])
  })

  it('forgets who waits when the connection is gone', () => {
    const { window, sent, enter } = windowOf(1)
    enter('a')
    enter('b')
    window.reset()
    enter('c')
    window.leave()
    assert.deepEqual(sent, ['a', 'c'])
  })
})
