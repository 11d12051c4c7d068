import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ResponseFrames } from '#src/shared/kafka/response-frames.js'
import { answerFrame } from '../../../support/fake-broker.ts'
import { thrown } from '../../../support/group-error.ts'

function framesOf(chunks: readonly Buffer[]): Buffer[] {
  const frames: Buffer[] = []
  const reader = new ResponseFrames(frame => frames.push(frame))
  for (const chunk of chunks) reader.push(chunk)
  return frames
}

/** Cuts at the given places, each taken modulo the length. */
function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...places.map(place => place % (stream.length + 1)), stream.length])].sort(
    (a, b) => a - b,
  )
  return edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge))
}

describe('cutting a stream into answers', () => {
  it('gives the same answers however the stream is cut into chunks', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 })
    const places = fc.array(fc.nat(5000), { maxLength: 20 })
    fc.assert(
      fc.property(payloads, places, (bodies, cuts) => {
        const frames = bodies.map((body, index) => answerFrame(index, Buffer.from(body)))
        const found = framesOf(cut(Buffer.concat(frames), cuts))
        assert.deepEqual(
          found,
          frames.map(frame => frame.subarray(4)),
        )
      }),
    )
  })

  it('gives an answer that came in one chunk as a view of it', () => {
    const chunk = answerFrame(1, Buffer.alloc(100, 7))
    const [frame] = framesOf([chunk])
    assert.equal(frame?.buffer, chunk.buffer)
  })

  it('gives an answer of several chunks a buffer of exactly its size', () => {
    const stream = Buffer.concat([
      answerFrame(1, Buffer.alloc(100_000, 7)),
      answerFrame(2, Buffer.alloc(50_000, 8)),
    ])
    const frames = framesOf(cut(stream, [65_536]))
    assert.equal(frames[0]?.buffer.byteLength, 100_004)
  })

  for (const [name, bytes] of [
    ['an HTTP answer', Buffer.from('HTTP/1.1 400 Bad Request')],
    ['a TLS alert', Buffer.from([0x15, 3, 3, 0, 2, 2, 80])],
    ['a negative size', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['a size without room for a correlation id', Buffer.from([0, 0, 0, 3, 1, 2, 3])],
  ] as const) {
    it(`refuses ${name}, and allocates nothing for it`, () => {
      const error = thrown(() => framesOf([bytes]), 'RESPONSE_CORRUPT')
      assert.match(error.message, /not a Kafka broker, or it expects TLS/)
    })
  }
})
