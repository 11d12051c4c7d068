import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertWithinLogs } from '#src/coordinator/visits/reset-offsets.js'

const at = (...offsets: number[]) => offsets.map((offset, partition) => ({ topic: 't', partition, offset }))

describe('an offset for all partitions', () => {
  it('may be anywhere in their logs, the ends included', () => {
    for (const offset of [5, 6, 9]) assertWithinLogs(offset, at(5, 0), at(9, 100))
  })

  it('is refused with each partition whose log does not have it, and its range', () => {
    const refuse = (offset: number) => () => assertWithinLogs(offset, at(5, 0, 0), at(9, 100, 4))
    assert.throws(refuse(4), {
      code: 'OFFSET_OUT_OF_RANGE',
      message: /offset 4 .* of t\/0 \(5 to 9\); nothing/,
    })
    assert.throws(refuse(10), { message: /of t\/0 \(5 to 9\), t\/2 \(0 to 4\); nothing/ })
  })

  it('is refused on one line, however many partitions there are', () => {
    const many = at(...new Array<number>(500).fill(0))
    assert.throws(() => assertWithinLogs(1, many, many), { message: /t\/9 \(0 to 0\) and 490 more; nothing/ })
  })
})
