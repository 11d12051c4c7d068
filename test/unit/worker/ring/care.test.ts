import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { HandlerContext, KafkaRecord } from '#src/handler.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import type { Announcement, CarefulStart } from '#src/shared/protocol.js'
import { eventually } from '../../../support/eventually.ts'
import { FakeSeatRing, ringOf } from '../../../support/fake-seat-ring.ts'
import { Promised } from '../../../support/promised.ts'
import { seatBenches, type SeatBench, type SeatBenchOptions } from '../../../support/seat-bench.ts'

const LONG_WAIT = { attempts: 3, backoffMs: 60_000, maxBackoffMs: 60_000, jitter: 0 }
const SHORT_WAIT = { attempts: 3, backoffMs: 20, maxBackoffMs: 20, jitter: 0 }
const HANGS_MS = 100

const startBench = seatBenches()

type Handle = (record: KafkaRecord, context: HandlerContext) => unknown
type Given = Partial<Omit<SeatBenchOptions<FakeSeatRing>, 'start'>> & {
  readonly ring: FakeSeatRing
  readonly handle?: Handle
  readonly careful?: Partial<CarefulStart>
  readonly concurrency?: number
}

const NOTHING: CarefulStart = { aloneFrom: 0, aloneBelow: 0, aloneInHand: [], aloneForMs: HANGS_MS }

/** A seat of a careful claim; what it announces is stored at once. Attempts are kept as `<offset>.<attempt>`. */
async function start({ handle = () => {}, careful, concurrency = 10, ring, ...options }: Given): Promise<{
  bench: SeatBench<FakeSeatRing>
  runs: string[]
}> {
  const runs: string[] = []
  const counted: Handle = (record, context) => {
    runs.push(`${record.offset}.${record.attempt}`)
    return handle(record, context)
  }
  const bench = await startBench({
    announce: () => Promise.resolve(false),
    ...options,
    ring,
    module: { handle: counted },
    start: { careful: { ...NOTHING, ...careful }, concurrency },
  })
  return { bench, runs }
}

async function until(condition: () => boolean, what?: () => unknown): Promise<void> {
  await eventually(condition, { intervalMs: 1, ...(what && { message: () => JSON.stringify(what()) }) })
}

/** `<from>-<to>`, and `alone`. */
function told({ from, to, isAlone }: Announcement): string {
  return `${from}-${to}${isAlone ? ' alone' : ''}`
}

function failing(offset: number, times = Infinity): Handle {
  return record => {
    if (Number(record.offset) === offset && record.attempt <= times) throw new Error(`no ${record.attempt}`)
  }
}

describe('a seat of a careful claim', () => {
  it('runs as much as it has places for of what was announced, once that is stored', async () => {
    const promised = new Promised()
    const asked: Deferred<boolean>[] = []
    const ring = ringOf('a', 'b', 'c', 'd', 'e', 'f')
    const { bench } = await start({
      ring,
      handle: promised.handle,
      concurrency: 4,
      announce: () => (asked.push(deferred()), asked.at(-1)!.promise),
    })
    await until(() => asked.length === 1)
    assert.deepEqual([ring.inHand, ring.waitsFor, ring.isInOrder], [['0 ready'], 'announce', true])
    assert.deepEqual(promised.offsets, [])
    for (let at = 0; promised.offsets.length < 4; at += 1) {
      await until(() => asked.length > at)
      asked[at]!.resolve(false)
      await until(() => asked.length > at + 1 || promised.offsets.length === 4)
    }
    await promised.settle(2)
    await until(() => promised.offsets.length === 4 || bench.announced.at(-1)!.from === 4)
    assert.deepEqual(promised.offsets.slice(0, 3), [0, 1, 3])
  })

  it('goes on behind a record that hangs, which is in hand at every announcement', async () => {
    const promised = new Promised()
    const ring = ringOf('a', 'b', 'a', 'c')
    const inHand: string[][] = []
    await start({
      ring,
      handle: record => (record.offset === 0n ? promised.handle(record) : undefined),
      announce: () => (inHand.push(ring.inHand), Promise.resolve(false)),
    })
    await until(() => ring.finished.length === 2)
    assert.deepEqual(
      [ring.finished, ring.inHand],
      [
        [1, 3],
        ['0 awaited', '2 behind'],
      ],
    )
    assert.ok(inHand.slice(1).every(([first]) => first === '0 awaited'))
    await promised.settle(0)
    await until(() => ring.finished.length === 4)
  })

  it('goes on behind one that waits for its retry', async () => {
    const ring = ringOf('a', 'b', 'a', 'c')
    const { runs } = await start({ ring, handle: failing(0), settings: { retry: LONG_WAIT } })
    await until(() => ring.finished.length === 2)
    assert.deepEqual(
      [runs, ring.inHand],
      [
        ['0.1', '1.1', '3.1'],
        ['0 retry after 1', '2 behind'],
      ],
    )
  })

  it('goes on behind one that waits for its dead letter', async () => {
    const ring = ringOf('a', 'b', 'a', 'c')
    await start({
      ring,
      handle: failing(0),
      settings: { retry: { ...LONG_WAIT, attempts: 1 }, onFailure: 'dead-letter' },
      deadLetter: () => new Promise(() => {}),
    })
    await until(() => ring.finished.length === 2)
    assert.deepEqual(ring.inHand, ['0 dead-letter after 1', '2 behind'])
  })

  it('runs nothing that was neither announced nor in hand when the last window was', async () => {
    const offsets = Array.from({ length: 40 }, (_, offset) => offset)
    // Some lanes are behind the others, as they are where nothing can be taken of them for a while.
    const lag = (offset: number): number => (offset % 10 === 3 ? offset + 14.5 : offset)
    offsets.sort((one, other) => lag(one) - lag(other))
    const ring = new FakeSeatRing(offsets.map(offset => ({ offset, key: `key ${offset % 7}` })))
    /** At the last announcement, and what was stored with it. */
    let covered = new Set<number>()
    let window = { from: 0, to: 0 }
    const { bench, runs } = await start({
      ring,
      handle: record => {
        const offset = Number(record.offset)
        assert.ok(
          (offset >= window.from && offset < window.to) || covered.has(offset),
          `${offset} was not stored`,
        )
        if (offset % 5 === 0 && record.attempt === 1) throw new Error('once')
        return offset % 3 === 0 ? new Promise(resolve => setTimeout(resolve, 5)) : undefined
      },
      settings: { retry: SHORT_WAIT },
      announce: async announcement => {
        await new Promise(resolve => setTimeout(resolve, 1))
        window = announcement
        covered = new Set(ring.inHand.map(line => Number.parseInt(line)))
        return false
      },
    })
    await until(
      () => ring.finished.length === 40,
      () => [runs, bench.failures.map(String)],
    )
    assert.deepEqual(bench.failures, [])
  })

  it('asks for nothing again that was in hand when the last window was announced', async () => {
    const ring = ringOf(...Array.from({ length: 30 }, (_, index) => `key ${index}`))
    const { bench, runs } = await start({ ring, handle: failing(0, 1), settings: { retry: SHORT_WAIT } })
    await until(() => ring.finished.length === 30)
    assert.equal(runs.at(-1), '0.2')
    assert.ok(bench.announced.at(-1)!.from > 0, 'its window is passed')
    assert.equal(bench.announced.filter(({ from }) => from === 0).length, 1)
  })

  it('counts no time in which it has nothing to run', async () => {
    const ring = ringOf('a')
    const { bench } = await start({ ring })
    await until(() => ring.isAsleep)
    await delay(HANGS_MS)
    ring.append({ offset: 1_000 })
    await until(() => ring.finished.length === 2)
    const ranMs = bench.announced.reduce((sum, one) => sum + one.ranMs, 0)
    assert.ok(ranMs < HANGS_MS, `${ranMs} ms`)
  })

  it('counts no time in which it has nothing to run but what hangs', async () => {
    const ring = ringOf('a', 'b', 'c')
    const { bench } = await start({
      ring,
      handle: record => (record.offset === 0n ? new Promise(() => {}) : undefined),
    })
    await until(() => ring.finished.length === 2 && ring.isAsleep)
    await delay(2_000)
    ring.append(...Array.from({ length: 20 }, (_, index) => ({ offset: 1_000 + index })))
    await until(() => ring.finished.length === 22)
    const ranMs = bench.announced.reduce((sum, one) => sum + one.ranMs, 0)
    assert.ok(ranMs < 1_500, `${ranMs} ms`)
  })

  it('has a place for another when one hangs that has the last, as the seats have that are not taken yet', async () => {
    const promised = new Promised()
    const ring = ringOf('a', 'b', 'c')
    await start({ ring, handle: promised.handle, concurrency: 1 })
    await until(() => promised.offsets.length === 2)
    assert.deepEqual(promised.offsets, [0, 1])
  })

  it('is as any other when it needs no care any more', async () => {
    const promised = new Promised()
    const ring = ringOf('a', 'b', 'c', 'd')
    const { bench } = await start({ ring, handle: promised.handle, announce: () => Promise.resolve(true) })
    await until(() => promised.offsets.length === 4)
    assert.deepEqual([bench.announced.length, ring.isInOrder], [1, false])
  })
})

describe('the suspects of a seat', () => {
  it('run alone one by one, between what runs as ever', async () => {
    const promised = new Promised()
    const ring = ringOf('a', 'b', 'c', 'd', 'e')
    const { bench } = await start({
      ring,
      handle: promised.handle,
      careful: { aloneFrom: 1, aloneBelow: 3, aloneForMs: 60_000 },
    })
    await until(() => promised.offsets.length === 1)
    await until(() => ring.waitsFor === 'alone')
    assert.deepEqual(
      [ring.inHand, bench.announced.length],
      [['0 awaited', '1 ready'], 1],
      'what runs is waited for',
    )
    await promised.settle(0)
    for (const offset of [1, 2]) {
      await until(() => promised.offsets.length === 1)
      assert.deepEqual(promised.offsets, [offset])
      assert.equal(told(bench.announced.at(-1)!), `${offset}-${offset + 1} alone`)
      assert.equal(bench.announced.at(-1)!.hasSuspects, true)
      await promised.settle(offset)
      assert.deepEqual(bench.alonesOver.at(-1), false)
    }
    await until(() => promised.offsets.length === 2)
    assert.equal(bench.announced.at(-1)!.hasSuspects, false)
    assert.equal(bench.alonesOver.length, 2)
  })

  it('are waited for no longer when they hang, and those behind them run one by one beside them', async () => {
    const promised = new Promised()
    const ring = ringOf('a', 'b', 'a', 'c', 'd')
    const { bench } = await start({
      ring,
      handle: record => (record.offset < 3n ? promised.handle(record) : undefined),
      careful: { aloneFrom: 0, aloneBelow: 3 },
    })
    await until(() => ring.finished.length === 2)
    assert.deepEqual(ring.inHand, ['0 awaited', '1 awaited', '2 behind'])
    assert.deepEqual(bench.announced.slice(0, 2).map(told), ['0-1 alone', '1-2'])
    assert.deepEqual(bench.alonesOver, [true, true], 'also of the one that was not quite alone')
    assert.ok(
      bench.announced.slice(2).every(({ ranMs }) => ranMs < HANGS_MS),
      'time in which they hang does not count',
    )
  })

  it('ask anew when the leave to run alone was taken back before the thread heard of it, also while another has it', async () => {
    const promised = new Promised()
    const ring = ringOf('a', 'b')
    const first = deferred<boolean>()
    const { bench } = await start({
      ring,
      handle: promised.handle,
      careful: { aloneFrom: 0, aloneBelow: 1 },
      announce: () => (bench.announced.length === 1 ? first.promise : Promise.resolve(false)),
    })
    await until(() => bench.announced.length === 1)
    bench.setAlone(false)
    bench.group.setOneAlone(true) // of another lane by now
    first.resolve(false)
    await until(() => bench.alonesOver.length === 1)
    assert.deepEqual([promised.offsets, bench.announced.length], [[], 1], 'nothing beside that one')
    bench.setAlone(false)
    bench.loop.wake()
    await until(() => promised.offsets.length === 1)
    assert.deepEqual([promised.offsets, bench.announced.map(told)], [[0], ['0-1 alone', '0-1 alone']])
  })

  it('that had run for longer come behind the others, the newest first', async () => {
    const ring = new FakeSeatRing([0, 1, 2, 3, 4, 5].map(offset => ({ offset, key: `key ${offset}` })))
    const { bench, runs } = await start({
      ring,
      careful: { aloneFrom: 3, aloneBelow: 5, aloneInHand: [0, 2] },
    })
    await until(
      () => ring.finished.length === 6,
      () => [runs, ring.inHand],
    )
    assert.deepEqual(runs, ['1.1', '3.1', '4.1', '5.1', '2.1', '0.1'])
    const alone = bench.announced.filter(({ isAlone }) => isAlone).map(told)
    assert.deepEqual(alone, ['3-4 alone', '4-5 alone', '2-3 alone', '0-1 alone'])
    assert.equal(bench.announced.find(({ from }) => from === 5)!.hasSuspects, true)
  })

  it('are no longer suspected when an attempt has failed, and hold up nothing while they wait for the next', async () => {
    const ring = ringOf('a', 'b')
    const { bench } = await start({
      ring,
      handle: failing(0, 1),
      settings: { retry: SHORT_WAIT },
      careful: { aloneFrom: 0, aloneBelow: 1 },
    })
    await until(() => ring.finished.length === 2)
    assert.deepEqual([ring.finished, bench.alonesOver], [[1, 0], [false]])
  })

  it('that a thread has left in hand run before others, alone', async () => {
    const left = [
      { offset: 0, key: 'a', attempts: 1 },
      { offset: 1, key: 'a' },
    ]
    const ring = new FakeSeatRing([{ offset: 2 }], 300, left)
    const { bench, runs } = await start({ ring, careful: { aloneFrom: 0, aloneBelow: 1 } })
    await until(() => ring.finished.length === 3)
    assert.deepEqual(runs.slice(0, 1), ['0.2'])
    assert.equal(told(bench.announced[0]!), '0-1 alone')
  })
})
