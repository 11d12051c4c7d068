import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ownerName } from '#src/coordinator/storage/zookeeper/group-reader.js'

describe('the owner that a node names', () => {
  it('is the member in front of the thread number', () => {
    assert.equal(ownerName('host-1-ABCDEFGH-3', ['host-1-ABCDEFGH']), 'host-1-ABCDEFGH')
  })

  it('is the whole text for members that write no thread number, though it may hold dashes', () => {
    assert.equal(ownerName('host-1-ABCDEFGH', ['host-1-ABCDEFGH']), 'host-1-ABCDEFGH')
    assert.equal(ownerName('kazoo:uuid', ['kazoo:uuid']), 'kazoo:uuid')
  })

  it('is shown as it is when no member fits', () => {
    assert.equal(ownerName('gone-0', ['other']), 'gone-0')
    assert.equal(ownerName('', ['']), '')
  })
})
