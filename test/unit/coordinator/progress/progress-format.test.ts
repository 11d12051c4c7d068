import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pack } from 'msgpackr'
import { decodeProgress, encodeProgress } from '#src/coordinator/progress/progress-format.js'
import { progressAt, type OpenClaim, type Progress, type Window } from '#src/coordinator/progress/progress.js'
import type { RecordInHand } from '#src/shared/memory/remainder-memory.js'
import { isGroupError } from '#src/shared/errors.js'
import { thrown } from '../../../support/group-error.ts'
import { processDeaths } from '../../../support/process-deaths.ts'

const PATH = '/consumers/g/progress/t/0'
const TOPIC_ID = 'Zx0kVhSsQ5K3bWg1cYJt4A'

const windows: fc.Arbitrary<Window> = fc
  .tuple(fc.nat(2 ** 40), fc.integer({ min: 1, max: 1000 }), fc.boolean())
  .map(([from, length, isAlone]) => ({ from, to: from + (isAlone ? 1 : length), isAlone }))

const opens: fc.Arbitrary<OpenClaim> = fc
  .record({
    process: fc.string({ minLength: 1, maxLength: 12 }),
    deaths: fc.array(
      fc
        .tuple(fc.string({ minLength: 1 }), fc.option(fc.nat()))
        .map(([process, alone]) => ({ process, alone })),
      {
        maxLength: 20,
      },
    ),
    window: fc.option(windows),
    isAtRest: fc.boolean(),
  })
  .map(open => ({ ...open }))

const inHands: fc.Arbitrary<RecordInHand[]> = fc
  .array(fc.record({ gap: fc.integer({ min: 1, max: 10_000 }), attempts: fc.nat(1000) }), { maxLength: 20 })
  .map(gaps => {
    let offset = -1
    return gaps.map(({ gap, attempts }) => ({ offset: (offset += gap), attempts }))
  })

const progresses: fc.Arbitrary<Progress> = fc
  .tuple(
    fc.nat(2 ** 45),
    fc.option(fc.string({ minLength: 1, maxLength: 30 })),
    fc.option(opens),
    inHands,
    fc.nat(500),
  )
  .map(([base, topicId, open, inHand, gap]) => ({
    ...progressAt(base + (inHand.at(-1)?.offset ?? 0) + 1 + gap, topicId, open),
    inHand: inHand.map(one => ({ ...one, offset: base + one.offset })),
  }))

describe('the progress node', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(progresses, progress =>
        assert.deepEqual(decodeProgress(encodeProgress(progress), PATH), progress),
      ),
    )
  })

  it('holds what its format says, and nothing else', () => {
    const content = [1, TOPIC_ID, 'partition', 2 ** 40, [0], [], null]
    assert.deepEqual(encodeProgress(progressAt(2 ** 40, TOPIC_ID)), pack(content))
    assert.deepEqual(encodeProgress(progressAt(0, null)), pack([1, null, 'partition', 0, [0], [], null]))
  })

  it('holds what is in hand and the open claim, in small numbers', () => {
    const inHand = [
      { offset: 5_000_000_007, attempts: 2 },
      { offset: 5_000_000_010, attempts: 0 },
    ]
    const window = { from: 5_000_000_007, to: 5_000_000_040, isAlone: false }
    const open = { process: 'p', deaths: processDeaths(2), window, isAtRest: false }
    const data = encodeProgress({ ...progressAt(5_000_000_011, null, open), inHand })
    const packedOpen = ['p', ['dead 0', null, 'dead 1', null], [5_000_000_007, 33, false], false]
    assert.deepEqual(data, pack([1, null, 'partition', 5_000_000_007, [4], [0, 2, 3, 0], packedOpen]))
  })

  it('of another version is told from a damaged one', () => {
    for (const data of [pack([2]), pack([2, { anything: 'else' }])]) {
      const error = thrown(() => decodeProgress(data, PATH), 'FORMAT_UNKNOWN')
      assert.deepEqual(error.details, { path: PATH, formatVersion: 2 })
    }
  })

  it('that is damaged is named, with what is wrong', () => {
    const rest = [[], null]
    const at = (...inHand: unknown[]): unknown[] => [1, null, 'partition', 0, [5], inHand, null]
    const open = (...content: unknown[]): unknown[] => [1, null, 'partition', 0, [0], [], content]
    const damaged: [unknown, RegExp][] = [
      [null, /progress: no list/],
      [[], /format: not a whole number/],
      [[1, TOPIC_ID, 'partition', 0, [0]], /progress: 4 items, not 6/],
      [[1, '', 'partition', 0, [0], ...rest], /topicId: no text/],
      [[1, null, 'key', 0, [0], ...rest], /ordering: none that is known/],
      [[1, null, 'partition', -1, [0], ...rest], /base: not a whole number/],
      [[1, null, 'partition', 0, [], ...rest], /deltas: 0 items, not 1/],
      [[1, null, 'partition', 0, [0, 1], ...rest], /deltas: 2 items, not 1/],
      [[1, null, 'partition', 0, [1.5], ...rest], /frontier delta: not a whole number/],
      [[1, null, 'partition', Number.MAX_SAFE_INTEGER, [1], ...rest], /frontier: not a whole number/],
      [at(0), /inHand: 1 items, not pairs/],
      [at(1, 0, 1, 0), /inHand: offsets that do not rise/],
      [at(2, 0, 1, 0), /inHand: offsets that do not rise/],
      [at(-1, 0), /inHand delta: not a whole number/],
      [at(5, 0), /inHand: an offset beyond the frontier/],
      [at(0, -1), /attempts: not a whole number/],
      [at(0, 1001), /attempts: more than 1000/],
      [open('p', [], null), /open: 3 items, not 4/],
      [open('', [], null, false), /process: no text/],
      [open('p', 3, null, false), /deaths: no list/],
      [open('p', ['q'], null, false), /deaths: 1 items, not pairs/],
      [open('p', ['q', -1], null, false), /alone: not a whole number/],
      [open('p', [1, null], null, false), /process: /],
      [open('p', [], null, 0), /isAtRest: neither true nor false/],
      [open('p', [], [0, 1], false), /window: 2 items, not 3/],
      [open('p', [], [0, 0, false], false), /window: not a possible length/],
      [open('p', [], [0, 2, true], false), /window: not a possible length/],
      [open('p', [], [-1, 2, false], false), /window: not a whole number/],
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
