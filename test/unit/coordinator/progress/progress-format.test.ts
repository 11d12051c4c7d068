import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
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

/** A division of the records among lanes, with how far each lane is beyond the base. */
const divisions: fc.Arbitrary<Pick<Progress, 'ordering' | 'hash'> & { readonly ahead: number[] }> = fc.oneof(
  fc.record({
    ordering: fc.constantFrom('partition' as const, 'key' as const, 'none' as const),
    hash: fc.constant(null),
    ahead: fc.tuple(fc.nat(500)),
  }),
  fc.record({
    ordering: fc.constant('key' as const),
    hash: fc.constant('xxh32' as const),
    ahead: fc.array(fc.nat(1_000_000), { minLength: 2, maxLength: 100 }),
  }),
)

const progresses: fc.Arbitrary<Progress> = fc
  .tuple(
    fc.nat(2 ** 45),
    fc.option(fc.string({ minLength: 1, maxLength: 30 })),
    fc.option(opens),
    inHands,
    divisions,
    fc.nat(300_000),
  )
  .map(([base, topicId, open, inHand, { ahead, ...division }, ofLane]) => {
    const end = base + (inHand.at(-1)?.offset ?? 0) + 1
    // One lane is beyond all that is in hand, each other wherever it is.
    const frontiers = ahead.map((delta, lane) => (lane === ofLane % ahead.length ? end : base) + delta)
    const ofLanes = inHand.map(one => ({ ...one, offset: base + one.offset }))
    return { topicId, ...division, frontiers, inHand: ofLanes, open }
  })

/** What `pack` makes of a list, with its checksum behind it. */
function packed(content: readonly unknown[]): Buffer {
  return pack([...content, crc32(pack(content))])
}

/** Varints of numbers that take a byte each. */
const small = (...numbers: number[]): Buffer => Buffer.from(numbers)

describe('the progress node', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(progresses, progress =>
        assert.deepEqual(decodeProgress(encodeProgress(progress), PATH), progress),
      ),
    )
  })

  it('holds what its format says, and nothing else', () => {
    const content = [1, TOPIC_ID, 'partition', null, 1, 2 ** 40, small(0), small(), null]
    assert.deepEqual(encodeProgress(progressAt(2 ** 40, TOPIC_ID)), packed(content))
    const least = [1, null, 'partition', null, 1, 0, small(0), small(), null]
    assert.deepEqual(encodeProgress(progressAt(0, null)), packed(least))
  })

  it('holds lanes, what is in hand and the open claim, in small numbers', () => {
    const inHand = [
      { offset: 5_000_000_007, attempts: 2 },
      { offset: 5_000_000_010, attempts: 0 },
      { offset: 5_000_000_110, attempts: 3 },
      { offset: 5_000_000_111, attempts: 200 },
    ]
    const window = { from: 5_000_000_007, to: 5_000_000_040, isAlone: false }
    const open = { process: 'p', deaths: processDeaths(2), window, isAtRest: false }
    const frontiers = [5_000_000_012, 5_000_000_207]
    const data = encodeProgress({ topicId: null, ordering: 'key', hash: 'xxh32', frontiers, inHand, open })
    const packedOpen = ['p', ['dead 0', null, 'dead 1', null], [5_000_000_007, 33, false], false]
    const deltas = small(5, 0x80 | 72, 1)
    const inHandBytes = small(2, 12, 0x80 | (403 % 128), 3, 0, 7, 0x80 | (197 % 128), 1)
    const content = [1, null, 'key', 'xxh32', 2, 5_000_000_007, deltas, inHandBytes, packedOpen]
    assert.deepEqual(data, packed(content))
  })

  it('stays under 1 KiB and 3 bytes per record in hand with 64 lanes, however far those drift apart', () => {
    for (const inHandCount of [0, 1, 100, 5_000, 50_000])
      for (const drift of [1_000, 300_000, 1_000_000])
        for (const maxAttempts of [0, 2, 100]) {
          const progress = drifted(Math.min(inHandCount, drift), drift, maxAttempts)
          const data = encodeProgress(progress)
          const limit = 1_024 + 3 * progress.inHand.length
          assert.ok(data.length < limit, `${data.length} bytes: ${inHandCount} ${drift} ${maxAttempts}`)
          assert.deepEqual(decodeProgress(data, PATH), progress)
        }
  })

  it('of another version is told from a damaged one', () => {
    for (const data of [pack([2]), pack([2, { anything: 'else' }])]) {
      const error = thrown(() => decodeProgress(data, PATH), 'FORMAT_UNKNOWN')
      assert.deepEqual(error.details, { path: PATH, formatVersion: 2 })
    }
  })

  it('that is damaged is named, with what is wrong', () => {
    const lanes = (...of: unknown[]): unknown[] => [1, null, ...of, 0, small(5), small(), null]
    const deltas = (k: number, ...bytes: number[]): unknown[] => [
      1,
      null,
      'key',
      k > 1 ? 'xxh32' : null,
      k,
      0,
      small(...bytes),
      small(),
      null,
    ]
    const inHand = (...bytes: number[]): unknown[] => [
      1,
      null,
      'none',
      null,
      1,
      0,
      small(5),
      small(...bytes),
      null,
    ]
    const open = (...content: unknown[]): unknown[] => [
      1,
      null,
      'partition',
      null,
      1,
      0,
      small(0),
      small(),
      content,
    ]
    const damaged: [unknown[], RegExp][] = [
      [[1, TOPIC_ID, 'partition'], /progress: 4 items, not 10/],
      [[1, '', 'partition', null, 1, 0, small(0), small(), null], /topicId: no text/],
      [lanes('sorted', null, 1), /ordering: none that is known/],
      [lanes('key', 'murmur2', 2), /hash: none that is known/],
      [lanes('key', null, 2), /hash: with one lane, or none with several/],
      [lanes('key', 'xxh32', 1), /hash: with one lane, or none with several/],
      [lanes('partition', 'xxh32', 2), /k: not from 1 to 1/],
      [lanes('none', 'xxh32', 2), /k: not from 1 to 1/],
      [lanes('key', 'xxh32', 1_025), /k: not from 1 to 1024/],
      [lanes('key', null, 0), /k: not from 1 to 1024/],
      [lanes('key', null, '1'), /k: not a whole number/],
      [[1, null, 'none', null, 1, -1, small(0), small(), null], /base: not a whole number/],
      [[1, null, 'none', null, 1, 0, [0], small(), null], /deltas: no bytes/],
      [[1, null, 'none', null, 1, 0, small(0), 'in hand', null], /inHand: no bytes/],
      [[1, null, 'none', null, 1, Number.MAX_SAFE_INTEGER, small(1), small(), null], /frontier: not a whole/],
      [deltas(2, 0), /deltas: 1 items, not 2/],
      [deltas(2, 0, 0, 0), /deltas: 3 items, not 2/],
      [deltas(1, 0x80), /deltas: a number that does not end/],
      [deltas(1, 0x80, 0), /deltas: a number with a byte too many/],
      [deltas(1, ...Array<number>(8).fill(0xff), 1), /deltas: a number beyond/],
      [deltas(1, 7), /base: neither a frontier nor in hand/],
      [inHand(4), /base: neither a frontier nor in hand/],
      [inHand(0, 0), /inHand: offsets that do not rise/],
      [inHand(0, 20), /inHand: an offset beyond all frontiers/],
      [inHand(3), /attempts: not a whole number/],
      [inHand(3, 0xe6, 7), /attempts: more than 1000/],
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
    for (const [content, reason] of damaged) assertCorrupt(packed(content), reason)
    assertCorrupt(pack(null), /progress: no list/)
    assertCorrupt(pack([]), /format: not a whole number/)
    assertCorrupt(pack([...lanes('partition', null, 1), 0]), /crc: not that of the content/)
  })

  it('is told from what one byte that changed makes of it, wherever that is', () => {
    fc.assert(
      fc.property(progresses, fc.nat(), fc.integer({ min: 1, max: 255 }), (progress, at, change) => {
        const data = Buffer.from(encodeProgress(progress))
        data[at % data.length]! ^= change
        const read = decodedOrNull(data)
        // Some bytes say the same in another form.
        if (read !== null) assert.deepEqual(read, progress)
      }),
      { numRuns: 1_000 },
    )
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
        const progress = decodedOrNull(data)
        if (progress !== null) assert.deepEqual(decodeProgress(encodeProgress(progress), PATH), progress)
      }),
      { numRuns: 1_000 },
    )
  })
})

function assertCorrupt(data: Buffer, reason: RegExp): void {
  const error = thrown(() => decodeProgress(data, PATH), 'PROGRESS_CORRUPT')
  assert.match(error.message, reason)
  assert.ok(error.message.startsWith(PATH))
}

/** Null if it is refused as what is stored may be. */
function decodedOrNull(data: Buffer): Progress | null {
  try {
    return decodeProgress(data, PATH)
  } catch (error) {
    const isDocumented = isGroupError(error, 'PROGRESS_CORRUPT') || isGroupError(error, 'FORMAT_UNKNOWN')
    assert.ok(isDocumented && error.message.includes(PATH), String(error))
    return null
  }
}

/** 64 lanes, some of them `drift` offsets ahead, with so many records in hand between, half of them close together. */
function drifted(inHandCount: number, drift: number, maxAttempts: number): Progress {
  const base = 2 ** 42
  const window = { from: base, to: base + 1, isAlone: true }
  const deaths = processDeaths(20).map(one => ({ ...one, process: 'abcdefghijk', alone: base }))
  const open = { process: 'abcdefghijk', deaths, window, isAtRest: false }
  const frontiers = Array.from({ length: 64 }, (_, lane) => base + Math.floor((drift * lane) / 63))
  const step = Math.max(1, Math.floor(drift / Math.max(1, inHandCount)))
  const inHand = Array.from({ length: inHandCount }, (_, index) => ({
    offset: base + (index < inHandCount / 2 ? index : index * step),
    attempts: (index * 7) % (maxAttempts + 1),
  }))
  return { topicId: TOPIC_ID, ordering: 'key', hash: 'xxh32', frontiers, inHand, open }
}
