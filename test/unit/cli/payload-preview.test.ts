import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatPayload, previewPayload } from '#src/cli/payload-preview.js'

describe('the preview of a payload', () => {
  it('is text where it is text', () => {
    assert.deepEqual(previewPayload(Buffer.from('{"ключ":\t1}\n')), { bytes: 16, text: '{"ключ":\t1}\n' })
    assert.deepEqual(previewPayload(Buffer.alloc(0)), { bytes: 0, text: '' })
    assert.equal(previewPayload(null), null)
  })

  it('is hexadecimal where it is none, or where a terminal would obey it', () => {
    for (const payload of [Buffer.from([0xff, 0x01]), Buffer.from('\u001b[2J'), Buffer.from('a\0')])
      assert.deepEqual(previewPayload(payload), { bytes: payload.length, hex: payload.toString('hex') })
  })

  it('is the beginning of what is long, cut between two characters', () => {
    const payload = Buffer.from(`x${'€'.repeat(2_000)}`)
    assert.deepEqual(previewPayload(payload), { bytes: 6_001, text: `x${'€'.repeat(1_365)}`, isCut: true })
    assert.deepEqual(previewPayload(Buffer.from('after')), { bytes: 5, text: 'after' })
    assert.equal(formatPayload(Buffer.alloc(5_000, 255)), `hex ${'ff'.repeat(4_096)} … (5000 bytes)`)
  })
})
