import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isGroupError } from '#src/shared/errors.js'
import { decodeOffset, encodeOffset, encodeOwner } from '#src/coordinator/storage/zookeeper/formats.js'

const PATH = '/consumers/g/offsets/t/0'

describe('formats of the classic layout', () => {
  it('writes an owner node that the classic tools can cut at the last dash', () => {
    const member = { memberId: 'host-17-ABC', subscription: { t: 3 } }
    const owners = [0, 1, 2, 3].map(partition => encodeOwner(member, { topic: 't', partition }).toString())
    assert.deepEqual(owners, ['host-17-ABC-0', 'host-17-ABC-1', 'host-17-ABC-2', 'host-17-ABC-0'])
    assert.equal(encodeOwner(member, { topic: 'not-subscribed', partition: 7 }).toString(), 'host-17-ABC-0')
  })

  it('names the thread that the classic consumers count the partition to, where they do', () => {
    const member = { memberId: 'm', subscription: { t: 3 } }
    assert.equal(encodeOwner(member, { topic: 't', partition: 0, ownerThread: 2 }).toString(), 'm-2')
  })

  it('reads back every offset that it writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), offset => {
        assert.equal(decodeOffset(encodeOffset(offset), PATH), offset)
      }),
    )
    assert.equal(encodeOffset(4_294_967_297).toString(), '4294967297')
  })

  it('reads -1 as no offset', () => {
    assert.equal(decodeOffset(Buffer.from('-1'), PATH), null)
  })

  it('names the node of anything that is no decimal number up to 2^53 - 1', () => {
    for (const text of [
      '',
      ' 1',
      '1\n',
      '+1',
      '-2',
      '1e3',
      '0x10',
      'null',
      '9007199254740992',
      '99999999999999999999',
    ])
      assert.throws(
        () => decodeOffset(Buffer.from(text), PATH),
        error => isGroupError(error, 'OFFSET_CORRUPT') && error.message.includes(PATH),
        JSON.stringify(text),
      )
  })

  it('reads arbitrary bytes as an offset, as none, or as corrupt, and never otherwise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), bytes => {
        try {
          const offset = decodeOffset(Buffer.from(bytes), PATH)
          assert.ok(offset === null || (Number.isSafeInteger(offset) && offset >= 0))
        } catch (error) {
          assert.ok(isGroupError(error, 'OFFSET_CORRUPT'))
        }
      }),
    )
  })

  it('refuses to write what is no offset', () => {
    for (const offset of [-1, 1.5, Number.NaN, 2 ** 53])
      assert.throws(
        () => encodeOffset(offset),
        error => isGroupError(error, 'INTERNAL'),
      )
  })
})
