import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pack } from 'msgpackr'
import { decodeProgress, encodeProgress } from '#src/coordinator/progress/progress-format.js'
import { progressAt, type Progress } from '#src/coordinator/progress/progress.js'
import { isGroupError } from '#src/shared/errors.js'
import { thrown } from '../../../support/group-error.ts'

const PATH = '/consumers/g/progress/t/0'
const TOPIC_ID = 'Zx0kVhSsQ5K3bWg1cYJt4A'

const progresses: fc.Arbitrary<Progress> = fc
  .tuple(fc.maxSafeNat(), fc.option(fc.string({ minLength: 1, maxLength: 30 })))
  .map(([nextOffset, topicId]) => progressAt(nextOffset, topicId))

describe('the progress node', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(progresses, progress =>
        assert.deepEqual(decodeProgress(encodeProgress(progress), PATH), progress),
      ),
    )
  })

  it('holds what its format says, and nothing else', () => {
    const content = [1, TOPIC_ID, 'partition', 2 ** 40, [0]]
    assert.deepEqual(encodeProgress(progressAt(2 ** 40, TOPIC_ID)), pack(content))
    assert.deepEqual(encodeProgress(progressAt(0, null)), pack([1, null, 'partition', 0, [0]]))
  })

  it('of another version is told from a damaged one', () => {
    for (const data of [pack([2]), pack([2, { anything: 'else' }])]) {
      const error = thrown(() => decodeProgress(data, PATH), 'FORMAT_UNKNOWN')
      assert.deepEqual(error.details, { path: PATH, formatVersion: 2 })
    }
  })

  it('that is damaged is named, with what is wrong', () => {
    const damaged: [unknown, RegExp][] = [
      [null, /progress: no list/],
      [[], /format: not a whole number/],
      [[1, TOPIC_ID, 'partition', 0], /progress: 3 items, not 4/],
      [[1, '', 'partition', 0, [0]], /topicId: no text/],
      [[1, null, 'key', 0, [0]], /ordering: none that is known/],
      [[1, null, 'partition', -1, [0]], /base: not a whole number/],
      [[1, null, 'partition', 0, []], /deltas: 0 items, not 1/],
      [[1, null, 'partition', 0, [0, 1]], /deltas: 2 items, not 1/],
      [[1, null, 'partition', 0, [1.5]], /delta: not a whole number/],
      [[1, null, 'partition', Number.MAX_SAFE_INTEGER, [1]], /frontier: not a whole number/],
    ]
    for (const [content, reason] of damaged) {
      const error = thrown(() => decodeProgress(pack(content), PATH), 'PROGRESS_CORRUPT')
      assert.match(error.message, reason)
      assert.ok(error.message.startsWith(PATH))
    }
  })

  it('is progress or an error that names the node, whatever bytes it holds', () => {
    const bytes = fc.uint8Array({ maxLength: 100 }).map(array => Buffer.from(array))
    const damaged = fc.tuple(progresses, fc.nat(), fc.nat(255)).map(([progress, at, byte]) => {
      const data = Buffer.from(encodeProgress(progress))
      data[at % data.length] = byte
      return data
    })
    const cut = fc.tuple(progresses, fc.nat()).map(([progress, at]) => {
      const data = encodeProgress(progress)
      return data.subarray(0, at % data.length)
    })
    const values = fc.anything({ withBigInt: false, withDate: true }).map(value => pack(value))
    fc.assert(
      fc.property(fc.oneof(bytes, damaged, cut, values), data => {
        try {
          const progress = decodeProgress(data, PATH)
          assert.deepEqual(decodeProgress(encodeProgress(progress), PATH), progress)
        } catch (error) {
          const isDocumented =
            isGroupError(error, 'PROGRESS_CORRUPT') || isGroupError(error, 'FORMAT_UNKNOWN')
          assert.ok(isDocumented && error.message.includes(PATH), String(error))
        }
      }),
      { numRuns: 3_000 },
    )
  })
})
