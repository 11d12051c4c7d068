import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FrameSplitter } from '#src/coordinator/storage/zookeeper/frame-splitter.js'

function frame(payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + payload.length)
  bytes.writeInt32BE(payload.length, 0)
  bytes.set(payload, 4)
  return bytes
}

describe('the frame splitter', () => {
  it('gives back every frame whole, wherever the stream is cut', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 30 })), (contents, cuts) => {
        const frames = contents.map(frame)
        const stream = Buffer.concat(frames)
        const splitter = new FrameSplitter()
        const received: Buffer[] = []
        let from = 0
        for (const cut of [...cuts, stream.length]) {
          received.push(...splitter.push(stream.subarray(from, from + cut)))
          from += cut
        }
        assert.deepEqual(received, frames)
      }),
    )
  })

  it('forgets a half-received frame on reset', () => {
    const splitter = new FrameSplitter()
    splitter.push(frame(Buffer.alloc(10)).subarray(0, 7))
    splitter.reset()
    assert.equal(splitter.push(frame(Buffer.from('new'))).length, 1)
  })

  it('takes a length that no server sends for damage', () => {
    for (const length of [-1, 0x7fff_ffff]) {
      const bytes = Buffer.alloc(8)
      bytes.writeInt32BE(length, 0)
      assert.throws(() => new FrameSplitter().push(bytes), /announced/)
    }
  })

  it('splits a burst of small frames in linear time', () => {
    const burst = Buffer.concat(Array.from({ length: 50_000 }, () => frame(Buffer.alloc(16))))
    const splitter = new FrameSplitter()
    let count = 0
    for (let from = 0; from < burst.length; from += 65_536)
      count += splitter.push(burst.subarray(from, from + 65_536)).length
    assert.equal(count, 50_000)
  })
})
