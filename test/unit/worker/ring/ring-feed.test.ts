import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GroupError } from '#src/shared/errors.js'
import { HEADER, LONGS } from '#src/shared/memory/ring/ring-layout.js'
import { eventually } from '../../../support/eventually.ts'
import { asRead, asWritten } from '../../../support/plain-record.ts'
import { anyLog, offsetAt, visibleFrom } from '../../../support/random-logs.ts'
import { encodeBatch } from '../../../support/record-batches.ts'
import { plainRecords, ringFeedBenches, type RingFeedBench } from '../../../support/ring-feed-bench.ts'
import { offsetsOf, type ReadRecord } from '../../../support/ring-reader.ts'

const QUICKLY = { intervalMs: 1 }
const newBench = ringFeedBenches()

/** Reads on until everything below `endOffset` was in the ring and nothing is left in it. */
async function readTo(bench: RingFeedBench, endOffset: number): Promise<ReadRecord[]> {
  const all: ReadRecord[] = []
  await eventually(
    () => {
      const before = bench.headOffset
      all.push(...bench.reader.readAll())
      return before >= endOffset
    },
    { intervalMs: 0, message: () => `${bench.headOffset} of ${endOffset}, waits for '${bench.waitsFor}'` },
  )
  return all
}

function range(from: number, below: number): number[] {
  return Array.from({ length: below - from }, (_, index) => from + index)
}

describe('a feed', () => {
  it('puts each visible record of a random log into the ring once, in order, with all its bytes, however small the ring', async () => {
    const shapes = fc.record({
      ordering: fc.constantFrom('key', 'none'),
      lanes: fc.constantFrom(1, 3, 64),
      indexCapacity: fc.constantFrom(2, 16, 256),
      dataBytes: fc.constantFrom(256, 1000, 65536),
    })
    const places = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    await fc.assert(
      fc.asyncProperty(anyLog, places, shapes, async (log, place, { lanes, ...shape }) => {
        const from = offsetAt(log, place)
        const frontiers = new Array<number>(shape.ordering === 'none' ? 1 : lanes).fill(from)
        const bench = newBench({ ...shape, frontiers })
        bench.deliverLog(log)
        const read = await readTo(bench, log.endOffset)
        bench.kill()
        const inOrder = read.toSorted((one, other) => one.taken.offset - other.taken.offset)
        assert.deepEqual(
          inOrder.map(({ record }) => asRead(record)),
          visibleFrom(log, from, true).map(asWritten),
        )
        assertOrdered(read)
        assert.equal(bench.headOffset, log.endOffset)
        assert.equal(Number(bench.memory.longs[LONGS.HIGH_WATERMARK]), log.endOffset)
      }),
      { numRuns: 100 },
    )
  })

  it('keeps the records of a key in one lane, and spreads those without a key by their offsets', async () => {
    const bench = newBench({ lanes: 8 })
    const keyed = range(0, 16).map(offset => ({ offset, key: Buffer.from(`key-${offset % 4}`) }))
    const keyless = range(16, 32).map(offset => ({ offset, key: null }))
    bench.deliverRecords(...keyed, ...keyless)
    const read = await readTo(bench, 32)
    for (const { taken } of read) {
      const other = read.find(({ taken: of }) => of.offset === taken.offset % 4)!.taken
      if (taken.offset < 16) assert.deepEqual([taken.lane, taken.hash], [other.lane, other.hash])
      else assert.deepEqual([taken.lane, taken.hash], [taken.offset % 8, null])
    }
  })

  it('stops at a full ring, says so, and goes on when records are finished', async () => {
    const bench = newBench({ dataBytes: 1024 })
    bench.deliverRecords(...plainRecords(range(0, 50), 100))
    await eventually(() => bench.waitsFor === 'ring-full', QUICKLY)
    const stoppedAt = bench.headOffset
    assert.ok(stoppedAt > 0 && stoppedAt < 50)
    assert.deepEqual(offsetsOf(await readTo(bench, 50)), range(0, 50))
    assert.equal(bench.waitsFor, '')
  })

  it('waits for one record that stays in hand while the others are finished, once the ring has gone round', async () => {
    const bench = newBench({ dataBytes: 1024, lanes: 1 })
    bench.deliverRecords(...plainRecords(range(0, 50), 100))
    await eventually(() => bench.waitsFor === 'ring-full', QUICKLY)
    const stuck = bench.reader.take()!
    bench.reader.readAll()
    await bench.settle()
    const stoppedAt = bench.headOffset
    bench.reader.readAll()
    await bench.settle()
    assert.deepEqual([bench.headOffset, bench.waitsFor], [stoppedAt, 'ring-full'])
    bench.reader.finish(stuck)
    await readTo(bench, 50)
  })

  it('tells what the ring holds and what waits before it', async () => {
    const bench = newBench({ dataBytes: 1024 })
    bench.deliverRecords(...plainRecords(range(0, 50), 100))
    await eventually(() => bench.waitsFor === 'ring-full', QUICKLY)
    assert.ok(bench.memory.header[HEADER.USED_BYTES]! > 500)
    assert.equal(bench.memory.header[HEADER.BUFFERED_BYTES], bench.inbox!.bufferedBytes)
    await readTo(bench, 50)
    assert.equal(bench.memory.header[HEADER.BUFFERED_BYTES], 0)
  })

  it('leaves out what was finished before the claim, and brings back what was in hand, with its attempts', async () => {
    const inHand = [{ offset: 1, attempts: 2 }]
    const bench = newBench({ frontiers: [6], inHand })
    assert.equal(bench.headOffset, 1)
    bench.deliverRecords(...plainRecords(range(1, 10)))
    const read = await readTo(bench, 10)
    assert.deepEqual(offsetsOf(read), [1, 6, 7, 8, 9])
    assert.deepEqual(
      read.map(({ taken }) => taken.attempts),
      [2, 0, 0, 0, 0],
    )
  })

  it('appends and fetches nothing while it is paused', async () => {
    const bench = newBench({ paused: true })
    assert.equal(bench.inbox!.isFetchable, false)
    bench.deliverRecords(...plainRecords([0, 1]))
    await bench.settle()
    assert.deepEqual([bench.headOffset, bench.waitsFor], [0, 'paused'])
    bench.feed.setPaused(false)
    assert.deepEqual(offsetsOf(await readTo(bench, 2)), [0, 1])
    assert.equal(bench.inbox!.isFetchable, true)
  })

  it('is in trouble while nothing can be fetched', () => {
    const bench = newBench()
    assert.equal(bench.waitsFor, '')
    bench.inbox!.setReachable(false)
    assert.equal(bench.waitsFor, 'fetch-error')
    bench.inbox!.setReachable(true)
    assert.equal(bench.waitsFor, '')
  })

  it('goes on where the log does when what came next is gone', async () => {
    const bench = newBench()
    bench.inbox!.askWhenEmpty(() => bench.inbox!.jumpTo(100))
    await eventually(() => bench.headOffset === 100, QUICKLY)
    bench.deliverRecords(...plainRecords([100, 101]))
    assert.deepEqual(offsetsOf(await readTo(bench, 102)), [100, 101])
  })

  for (const [when, isAppended] of [
    ['before', false],
    ['after', true],
  ] as const)
    it(`asks where to go on only when all that is in the ring is finished: out of range ${when} that was appended`, async () => {
      const bench = newBench()
      let asked = false
      bench.deliverRecords(...plainRecords([0, 1]))
      if (isAppended) await eventually(() => bench.headOffset === 2, QUICKLY)
      bench.inbox!.askWhenEmpty(() => (asked = true))
      await eventually(() => bench.headOffset === 2, QUICKLY)
      const [first, second] = [bench.reader.take()!, bench.reader.take()!]
      bench.reader.finish(first)
      await bench.settle()
      const { turns } = bench
      await bench.settle()
      assert.deepEqual([asked, bench.turns], [false, turns], 'it waits, and does not look again and again')
      bench.reader.finish(second)
      await eventually(() => asked, QUICKLY)
    })
})

describe('a feed with a level point', () => {
  it('appends nothing from there on, says that it is there, and is fetched for no more', async () => {
    const bench = newBench({ feedBelow: 3 })
    bench.deliverRecords(...plainRecords(range(0, 6)))
    await eventually(() => bench.waitsFor === 'level', QUICKLY)
    assert.equal(bench.headOffset, 3)
    assert.equal(bench.inbox, null)
    assert.deepEqual(offsetsOf(bench.reader.readAll()), [0, 1, 2])
  })

  it('is there also when it lies in a gap, or the log goes on behind it', async () => {
    const behind = newBench({ feedBelow: 3 })
    behind.deliverRecords(...plainRecords([0, 1, 7]))
    await eventually(() => behind.waitsFor === 'level', QUICKLY)
    assert.equal(behind.headOffset, 3)
    const atEnd = newBench({ feedBelow: 3 })
    atEnd.deliver(encodeBatch({ records: plainRecords([0, 1]), lastOffset: 2 }), 3)
    await eventually(() => atEnd.waitsFor === 'level', QUICKLY)
    assert.equal(atEnd.headOffset, 3)
    const jumped = newBench({ feedBelow: 3 })
    jumped.inbox!.askWhenEmpty(() => jumped.inbox!.jumpTo(50))
    await eventually(() => jumped.waitsFor === 'level', QUICKLY)
    assert.equal(jumped.headOffset, 3)
  })

  it('is there at once, and never fetched for, if the claim begins behind it', () => {
    const bench = newBench({ frontiers: [5, 5], feedBelow: 5 })
    assert.deepEqual([bench.waitsFor, bench.inbox, bench.headOffset], ['level', null, 5])
  })

  it('does not meet the damage that comes behind it', async () => {
    const bench = newBench({ feedBelow: 3 })
    const damaged = encodeBatch({ records: plainRecords([3, 4]) })
    damaged.writeInt8(damaged.readInt8(70) ^ 1, 70)
    bench.deliver(Buffer.concat([encodeBatch({ records: plainRecords([0, 1, 2]) }), damaged]), 5)
    await eventually(() => bench.waitsFor === 'level', QUICKLY)
    bench.reader.readAll()
    await bench.settle()
    assert.deepEqual([bench.headOffset, bench.failures], [3, []])
  })
})

describe('a feed that meets what it cannot append', () => {
  it('fails once everything before the damage was finished', async () => {
    const bench = newBench()
    const damaged = encodeBatch({ records: plainRecords([3, 4]) })
    damaged.writeInt8(damaged.readInt8(70) ^ 1, 70)
    bench.deliver(Buffer.concat([encodeBatch({ records: plainRecords([0, 1, 2]) }), damaged]), 5)
    await eventually(() => bench.feed.state === 'ending', QUICKLY)
    const inHand = [bench.reader.take()!, bench.reader.take()!, bench.reader.take()!]
    for (const record of inHand) {
      await bench.settle()
      assert.deepEqual([bench.headOffset, bench.failures, bench.inbox], [3, [], null])
      bench.reader.finish(record)
    }
    await eventually(() => bench.failures.length > 0, QUICKLY)
    const [error] = bench.failures
    assert.equal(error!.code, 'BATCH_CORRUPT')
    assert.deepEqual(
      [error!.details['topic'], error!.details['partition'], error!.details['offset']],
      ['t', 0, 3],
    )
    assert.equal(bench.feed.state, 'failed')
  })

  it('fails with what the fetch met', async () => {
    const bench = newBench()
    bench.deliverRecords(...plainRecords([0]))
    bench.inbox!.fail(new GroupError('FETCH_REFUSED', 'no'))
    await readTo(bench, 1)
    await eventually(() => bench.failures.length > 0, QUICKLY)
    assert.equal(bench.failures[0]!.code, 'FETCH_REFUSED')
  })

  it('names the record that is larger than the ring, and the option', async () => {
    const bench = newBench({ dataBytes: 1024 })
    bench.deliverRecords(...plainRecords([0, 1]), ...plainRecords([2], 2000), ...plainRecords([3]))
    await readTo(bench, 2)
    await eventually(() => bench.failures.length > 0, QUICKLY)
    const [error] = bench.failures
    assert.equal(error!.code, 'RECORD_TOO_LARGE')
    assert.match(error!.message, /offset 2 of t\/0 .*ringBytesPerPartition/)
    const { topic, partition, offset, bytes, ringBytes } = error!.details as Record<string, number>
    assert.deepEqual([topic, partition, offset], ['t', 0, 2])
    assert.ok(bytes! > 2000 && ringBytes! < 2000)
    assert.equal(bench.headOffset, 2)
  })

  it('tells nobody if it is drained before: whoever goes on meets the same', async () => {
    const bench = newBench()
    bench.deliverRecords(...plainRecords([0]))
    bench.inbox!.fail(new GroupError('FETCH_REFUSED', 'no'))
    await eventually(() => bench.feed.state === 'ending', QUICKLY)
    bench.feed.drain()
    bench.reader.readAll()
    await bench.settle()
    assert.deepEqual(bench.failures, [])
  })
})

describe('a feed that is drained', () => {
  it('appends nothing any more, is fetched for no more, and holds nothing', async () => {
    const bench = newBench({ dataBytes: 1024 })
    const { inbox } = bench
    bench.deliverRecords(...plainRecords(range(0, 50), 100))
    await eventually(() => bench.waitsFor === 'ring-full', QUICKLY)
    const { headOffset } = bench
    bench.feed.drain()
    bench.feed.drain()
    assert.deepEqual([bench.inbox, inbox!.isClosed, inbox!.bufferedBytes], [null, true, 0])
    assert.equal(bench.reader.readAll().length, headOffset)
    await bench.settle()
    assert.deepEqual([bench.headOffset, bench.reader.readAll()], [headOffset, []])
  })

  it('waits for nothing any more', async () => {
    const bench = newBench({ dataBytes: 1024 })
    bench.deliverRecords(...plainRecords(range(0, 50), 100))
    await eventually(() => bench.memory.header[HEADER.IS_BLOCKED] === 1, QUICKLY)
    bench.feed.drain()
    await bench.settle()
    assert.equal(bench.memory.header[HEADER.IS_BLOCKED], 0)
  })

  it('leaves the ring to another, which goes on behind what was appended', async () => {
    const bench = newBench({ dataBytes: 1024, lanes: 2 })
    bench.deliverRecords(...plainRecords(range(0, 50), 100))
    await eventually(() => bench.waitsFor === 'ring-full', QUICKLY)
    bench.feed.drain()
    const next = newBench({ memory: bench.memory })
    assert.equal(next.inbox!.position, bench.headOffset)
    next.deliver(encodeBatch({ records: plainRecords(range(0, 50), 100) }), 50)
    assert.deepEqual(offsetsOf(await readTo(next, 50)), range(0, 50))
  })
})

/** Of each lane, in the order in which they were taken. */
function assertOrdered(read: readonly ReadRecord[]): void {
  const last = new Map<number, number>()
  for (const { taken } of read) {
    assert.ok((last.get(taken.lane) ?? -1) < taken.offset, `lane ${taken.lane}, offset ${taken.offset}`)
    last.set(taken.lane, taken.offset)
  }
}
