import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { UnrecoverableError, type BatchContext, type HandlerContext, type KafkaRecord } from '#src/handler.js'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { toWire } from '#src/shared/error-wire.js'
import { GroupError } from '#src/shared/errors.js'
import { eventually } from '../../../support/eventually.ts'
import { FakeSeatRing, recordsOf, ringOf } from '../../../support/fake-seat-ring.ts'
import { NO_WAIT } from '../../../support/lane-bench.ts'
import { Promised } from '../../../support/promised.ts'
import { seatBenches, type SeatBench, type SeatBenchOptions } from '../../../support/seat-bench.ts'

const LONG_WAIT = { attempts: 3, backoffMs: 60_000, maxBackoffMs: 60_000, jitter: 0 }
const SHORT_WAIT = { attempts: 3, backoffMs: 20, maxBackoffMs: 20, jitter: 0 }
const ONCE = { ...NO_WAIT, attempts: 1 }

const startBench = seatBenches()

type Handle = (record: KafkaRecord, context: HandlerContext) => unknown
type Given = Partial<SeatBenchOptions<FakeSeatRing>> & {
  readonly ring: FakeSeatRing
  readonly handle?: Handle
}

/** A seat whose attempts are kept as `<offset>.<attempt>`. */
async function start({ handle = () => {}, module, ...options }: Given): Promise<{
  bench: SeatBench<FakeSeatRing>
  ring: FakeSeatRing
  runs: string[]
}> {
  const runs: string[] = []
  const counted: Handle = (record, context) => {
    runs.push(`${record.offset}.${record.attempt}`)
    return handle(record, context)
  }
  const bench = await startBench({ ...options, module: { ...module, handle: counted } })
  return { bench, ring: bench.ring, runs }
}

async function until(condition: () => boolean, what?: () => unknown): Promise<void> {
  await eventually(condition, { intervalMs: 1, ...(what && { message: () => JSON.stringify(what()) }) })
}

function failing(offset: number, times = Infinity): Handle {
  return record => {
    if (Number(record.offset) === offset && record.attempt <= times) throw new Error(`no ${record.attempt}`)
  }
}

describe('a seat', () => {
  it('takes what there is, sleeps, and goes on when its bell rings', async () => {
    const { ring, runs } = await start({ ring: ringOf('a', 'b', 'a') })
    await until(() => ring.isAsleep)
    assert.deepEqual(ring.finished, [0, 1, 2])
    ring.append({ offset: 7, key: 'a' })
    await until(() => ring.finished.length === 4)
    assert.deepEqual(runs, ['0.1', '1.1', '2.1', '7.1'])
  })

  it('does not tell what a thread that had the seat before has waited for', async () => {
    const ring = ringOf()
    ring.waitsFor = 'in-hand-full'
    await start({ ring })
    assert.equal(ring.waitsFor, '')
  })

  it('waits for its bell once, however often it runs again what it has in hand', async () => {
    const { ring, runs } = await start({
      ring: ringOf('a'),
      handle: failing(0, 5),
      settings: { retry: { ...SHORT_WAIT, backoffMs: 2, maxBackoffMs: 2, attempts: 6 } },
    })
    await until(() => ring.finished.length === 1)
    assert.equal(runs.length, 6)
    assert.equal(ring.waits, 1)
  })

  it('says what it runs before it does, and that it is finished before the next', async () => {
    const ring = ringOf('a', 'b')
    const seen: unknown[] = []
    await start({ ring, handle: () => void seen.push([ring.inHand, [...ring.finished]]) })
    await until(() => ring.isAsleep)
    assert.deepEqual(seen, [
      [['0 slice'], []],
      [['1 slice'], [0]],
    ])
  })

  it('gives the handler the record as it is in the ring', async () => {
    const seen: unknown[] = []
    const { ring } = await start({
      ring: new FakeSeatRing([{ offset: 5, key: 'k', value: '{"n":1}' }]),
      module: { decode: 'json' },
      handle: ({ topic, offset, key, value }) => seen.push([topic, offset, String(key), value]),
    })
    await until(() => ring.isAsleep)
    assert.deepEqual(seen, [['t', 5n, 'k', { n: 1 }]])
  })

  it('runs as many async records at once as it may, and goes on at once when one settles', async () => {
    const promised = new Promised()
    const { ring, bench } = await start({
      ring: ringOf(undefined, undefined, undefined, undefined),
      handle: promised.handle,
      start: { concurrency: 2 },
    })
    await until(() => promised.offsets.length === 2)
    assert.deepEqual(ring.inHand, ['0 awaited', '1 awaited'])
    assert.ok(ring.slotOf(0).sinceMs > 0 && bench.seat.awaitingSinceMs === ring.slotOf(0).sinceMs)
    await promised.settle(1)
    assert.deepEqual(promised.offsets, [0, 2])
    assert.equal(bench.seat.awaitingSinceMs, ring.slotOf(0).sinceMs)
    await promised.settle(0)
    assert.deepEqual(
      [promised.offsets, ring.finished],
      [
        [2, 3],
        [1, 0],
      ],
    )
    assert.equal(bench.seat.awaitingSinceMs, ring.slotOf(2).sinceMs)
  })

  it('runs one record of a key at a time, in order, while others pass', async () => {
    const promised = new Promised()
    const { ring } = await start({
      ring: ringOf('a', 'a', 'b', 'a', 'b', 'c'),
      handle: promised.handle,
      start: { concurrency: 10 },
    })
    await until(() => ring.isAsleep)
    assert.deepEqual(promised.offsets, [0, 2, 5])
    assert.deepEqual(ring.inHand, ['0 awaited', '1 behind', '2 awaited', '3 behind', '4 behind', '5 awaited'])
    await promised.settle(0)
    assert.deepEqual(promised.offsets, [2, 5, 1])
    await promised.settle(1)
    assert.deepEqual(promised.offsets, [2, 5, 3])
    await promised.settle(2)
    await promised.settle(3)
    assert.deepEqual(
      [promised.offsets, ring.inHand],
      [
        [5, 4],
        ['4 awaited', '5 awaited'],
      ],
    )
    ring.append({ offset: 6, key: 'a' }) // nothing of it is in hand any more
    await until(() => promised.offsets.includes(6))
  })

  it('takes no more while all slots are used, and says so', async () => {
    const promised = new Promised()
    const { ring } = await start({
      ring: new FakeSeatRing(recordsOf('a', 'a', 'a', 'b'), 3),
      handle: promised.handle,
      start: { concurrency: 2 },
    })
    await until(() => ring.waitsFor === 'in-hand-full')
    assert.deepEqual(promised.offsets, [0])
    await promised.settle(0)
    assert.deepEqual(promised.offsets, [1, 3])
    await promised.settle(3)
    assert.equal(ring.waitsFor, '')
  })

  it('lets go of lanes at the end of a turn, and when its last record has settled', async () => {
    const promised = new Promised()
    const { ring, bench } = await start({ ring: ringOf('a'), handle: promised.handle })
    await until(() => promised.offsets.length === 1)
    assert.ok(ring.yields > 0)
    bench.seat.setPaused(true)
    const before = ring.yields
    await promised.settle(0)
    assert.ok(ring.yields > before)
  })
})

describe('a record of a seat whose attempt fails', () => {
  for (const isAsync of [false, true]) {
    it(`is run again until it succeeds, before anything of its key (${isAsync ? 'async' : 'sync'})`, async () => {
      const fails = failing(1, 2)
      const handle: Handle = isAsync ? async (...given) => fails(...given) : fails
      const { ring, runs, bench } = await start({ ring: ringOf('a', 'b', 'b', 'c'), handle })
      await until(() => ring.finished.length === 4)
      assert.deepEqual(runs, ['0.1', '1.1', '1.2', '1.3', '2.1', '3.1'])
      assert.deepEqual(bench.told, ['retry 1 after 1', 'retry 1 after 2'])
      assert.equal(ring.failures, 2)
    })
  }

  it('waits with its slot and its key only', async () => {
    const { ring, runs, bench } = await start({
      ring: ringOf('a', 'b', 'a', undefined, 'c'),
      handle: failing(0),
      settings: { retry: LONG_WAIT },
    })
    await until(() => ring.isAsleep)
    assert.deepEqual(runs, ['0.1', '1.1', '3.1', '4.1'])
    assert.deepEqual(ring.inHand, ['0 retry after 1', '2 behind'])
    const { sinceMs, untilMs } = ring.slotOf(0)
    assert.ok(Math.abs(untilMs - sinceMs - 60_000) < 1)
    assert.deepEqual([ring.waitsFor, bench.told], ['retry', ['retry 0 after 1']])
  })

  it('runs again when its time has come, and those behind it follow', async () => {
    const { ring, runs } = await start({
      ring: ringOf('a', 'b', 'a', 'b'),
      handle: record => {
        if (record.offset < 2n && record.attempt === 1) throw new Error('no')
      },
      settings: { retry: SHORT_WAIT },
    })
    await until(() => ring.finished.length === 4)
    assert.deepEqual(runs.slice(0, 2), ['0.1', '1.1'])
    assert.deepEqual(runs.slice(2).toSorted(), ['0.2', '1.2', '2.1', '3.1'])
    assert.ok(runs.indexOf('0.2') < runs.indexOf('2.1') && runs.indexOf('1.2') < runs.indexOf('3.1'))
  })

  it('is told in its slot before anything of the user runs on', async () => {
    const ring = ringOf('a')
    const seen: unknown[] = []
    const retry = (): number => (seen.push(ring.inHand, ring.failures), 0)
    await start({ ring, module: { retry }, handle: async (...given) => failing(0, 1)(...given) })
    await until(() => ring.finished.length === 1)
    assert.deepEqual(seen, [['0 slice after 1'], 1])
  })

  it('is read anew: what was done to it is forgotten', async () => {
    const seen: string[] = []
    const { ring } = await start({
      ring: ringOf('a'),
      handle: ({ value, attempt }) => {
        seen.push(String(value))
        ;(value as Buffer).fill(0)
        if (attempt === 1) throw new Error('no')
      },
    })
    await until(() => ring.finished.length === 1)
    assert.deepEqual(seen, ['value 0', 'value 0'])
  })

  it('is left out when its attempts are used up, and its key goes on', async () => {
    const { ring, runs, bench } = await start({
      ring: ringOf('a', 'a'),
      handle: failing(0),
      settings: { onFailure: 'skip' },
    })
    await until(() => ring.finished.length === 2)
    assert.deepEqual(runs, ['0.1', '0.2', '0.3', '1.1'])
    assert.deepEqual(bench.told, ['retry 0 after 1', 'retry 0 after 2', 'skipped 0 after 3'])
  })

  it('has one attempt if no further one can help', async () => {
    const handle: Handle = () => {
      throw new UnrecoverableError('never')
    }
    const { ring, runs } = await start({ ring: ringOf('a'), handle, settings: { onFailure: 'skip' } })
    await until(() => ring.finished.length === 1)
    assert.deepEqual(runs, ['0.1'])
  })

  it('holds its key, and nothing else, until its dead letter is stored', async () => {
    const stored: Deferred<void> = deferred()
    const { ring, runs, bench } = await start({
      ring: ringOf('a', 'a', 'b'),
      handle: (record, context) => {
        ;(record.value as Buffer).fill(0)
        failing(0)(record, context)
      },
      settings: { onFailure: 'dead-letter', retry: ONCE },
      deadLetter: () => stored.promise,
    })
    await until(() => ring.isAsleep)
    assert.deepEqual(ring.inHand, ['0 dead-letter after 1', '1 behind'])
    assert.deepEqual([ring.waitsFor, runs, bench.usedUp.length], ['dead-letter', ['0.1', '2.1'], 1])
    const [{ offset, key, value, attempts }] = bench.letters as [(typeof bench.letters)[number]]
    assert.deepEqual([offset, attempts], [0, 1])
    assert.deepEqual([Buffer.from(key!).toString(), Buffer.from(value!).toString()], ['a', 'value 0'])
    stored.resolve()
    await until(() => ring.finished.length === 3)
    assert.deepEqual([runs.at(-1), bench.told], ['1.1', ['dead-lettered 0 after 1']])
  })

  it('stops the seat if its dead letter cannot be stored', async () => {
    const { ring, bench } = await start({
      ring: ringOf('a', 'b'),
      handle: failing(0),
      settings: { onFailure: 'dead-letter', retry: ONCE },
    })
    await until(() => bench.failures.length === 1)
    assert.equal(bench.failures[0]!.code, 'DEAD_LETTER_FAILED')
    assert.deepEqual(ring.inHand, ['0 stopped'])
  })

  it('stops the seat for good if nothing else is to become of it, with all its attempts before it', async () => {
    const { ring, runs, bench } = await start({ ring: ringOf('a', 'b'), handle: failing(0) })
    await until(() => bench.failures.length === 1)
    assert.equal(bench.failures[0]!.code, 'HANDLER_FAILED')
    assert.match(bench.failures[0]!.message, /the partition stops there/)
    assert.deepEqual([ring.inHand, ring.waitsFor, bench.seat.canTake], [['0 stopped'], 'failed', false])
    assert.deepEqual(runs, ['0.1', '0.2', '0.3'])
  })

  it('stops the seat while others run: they are finished, and a second one that fails is only told', async () => {
    const promised = new Promised()
    const { ring, bench } = await start({
      ring: ringOf('a', 'b', 'c', 'd'),
      handle: promised.handle,
      settings: { retry: ONCE },
      start: { concurrency: 3 },
    })
    await until(() => promised.offsets.length === 3)
    await promised.settle(0, new Error('first'))
    await promised.settle(1, new Error('second'))
    await promised.settle(2)
    assert.deepEqual([ring.finished, ring.inHand], [[2], ['0 stopped', '1 ready']])
    assert.deepEqual([bench.failures.length, bench.troubles.length], [1, 1])
    await bench.seat.drain()
  })
})

describe('a seat whose module handles batches', () => {
  for (const isAsync of [false, true]) {
    it(`gives it batches of one, whichever way they fail (${isAsync ? 'async' : 'sync'})`, async () => {
      const ring = ringOf('a', 'b', 'c')
      const seen: string[] = []
      const handleBatch = (batch: readonly KafkaRecord[], context: BatchContext): unknown => {
        seen.push(batch.map(({ offset, attempt }) => `${offset}.${attempt}`).join(' '))
        const [record] = batch
        const act = (): void => {
          if (record!.attempt > 1) return
          if (record!.offset === 0n) context.fail(record!, new Error('named'))
          if (record!.offset === 1n) throw new Error('thrown')
        }
        if (isAsync) return nextTurn().then(act)
        act()
        return undefined
      }
      const bench = await startBench({ ring, module: { handleBatch } })
      await until(() => ring.finished.length === 3)
      assert.deepEqual(seen, ['0.1', '0.2', '1.1', '1.2', '2.1'])
      const errors = bench.messages.map(({ error }) => error.message)
      assert.ok(errors[0]!.endsWith('named') && errors[1]!.endsWith('thrown'), String(errors))
    })
  }
})

describe('a seat that others had before', () => {
  const lastFailures = [{ offset: 0, error: toWire(new GroupError('HANDLER_KILLED_THREAD', 'it died')) }]

  it('goes on with what they left in hand, and with its attempts', async () => {
    const left = [
      { offset: 0, key: 'a', attempts: 1 },
      { offset: 1, key: 'a' },
      { offset: 2, key: 'b' },
    ]
    const { ring, runs } = await start({ ring: new FakeSeatRing([{ offset: 3, key: 'a' }], 300, left) })
    await until(() => ring.finished.length === 4)
    assert.deepEqual(
      runs,
      ['0.2', '2.1', '1.1', '3.1'].toSorted((a, b) => runs.indexOf(a) - runs.indexOf(b)),
    )
    assert.ok(runs.indexOf('0.2') < runs.indexOf('1.1') && runs.indexOf('1.1') < runs.indexOf('3.1'))
  })

  it('waits for the rest of a wait only', async () => {
    const left = [{ offset: 0, key: 'a', attempts: 1, retryAtMs: monotonicMs() + 50 }]
    const { ring, runs } = await start({
      ring: new FakeSeatRing([{ offset: 1, key: 'b' }], 300, left),
      settings: { retry: LONG_WAIT },
    })
    await until(() => ring.finished.length === 1)
    assert.deepEqual(ring.inHand, ['0 retry after 1'])
    await until(() => ring.finished.length === 2)
    assert.deepEqual(runs, ['1.1', '0.2'])
  })

  it('brings a record whose attempts they used up where such records go', async () => {
    const left = [{ offset: 0, key: 'a', attempts: 3 }]
    const { ring, runs, bench } = await start({
      ring: new FakeSeatRing(
        [
          { offset: 1, key: 'a' },
          { offset: 2, attempts: 3 },
        ],
        300,
        left,
      ),
      settings: { onFailure: 'skip' },
      start: { lastFailures },
    })
    await until(() => ring.finished.length === 3)
    assert.deepEqual([runs, bench.told], [['1.1'], ['skipped 0 after 3', 'skipped 2 after 3']])
    const [first, second] = bench.messages.map(({ error }) => error)
    assert.equal(first!.code, 'HANDLER_KILLED_THREAD')
    assert.match(second!.message, /were used up before this thread got it/)
  })

  it('stops at such a record if it is to, and forgives all that have no attempt left', async () => {
    const left = [
      { offset: 0, key: 'a', attempts: 3 },
      { offset: 1, key: 'b', attempts: 3 },
      { offset: 2, key: 'b', attempts: 1 },
    ]
    const { ring, bench } = await start({ ring: new FakeSeatRing([], 300, left), start: { lastFailures } })
    await until(() => bench.failures.length === 1)
    assert.equal(bench.failures[0]!.code, 'HANDLER_KILLED_THREAD')
    assert.deepEqual(ring.inHand, ['0 stopped', '1 ready', '2 behind after 1'])
  })

  it('runs suspects alone, one at a time, before anything else', async () => {
    const promised = new Promised()
    const left = [
      { offset: 0, key: 'a' },
      { offset: 1, key: 'b' },
      { offset: 2, key: 'c' },
    ]
    const suspects = [0, 2].map(offset => ({ offset, forMs: 60_000 }))
    const { ring, bench } = await start({
      ring: new FakeSeatRing([{ offset: 3 }], 300, left),
      handle: promised.handle,
      start: { concurrency: 10, suspects },
    })
    await until(() => promised.offsets.length > 0)
    await nextTurn()
    assert.deepEqual([promised.offsets, bench.seat.suspectsLeft], [[0], 2])
    await promised.settle(0)
    await until(() => promised.offsets.length > 0)
    await nextTurn()
    assert.deepEqual([promised.offsets, bench.seat.suspectsLeft], [[2], 1])
    await promised.settle(2)
    await until(() => promised.offsets.length === 2)
    assert.deepEqual(
      [promised.offsets, ring.finished],
      [
        [1, 3],
        [0, 2],
      ],
    )
    assert.equal(bench.seat.suspectForMs, 0)
  })

  it('runs one suspect per turn, however long that is', async () => {
    const left = [0, 1].map(offset => ({ offset }))
    const { runs, bench } = await start({
      ring: new FakeSeatRing([], 300, left),
      start: { paused: true, suspects: left.map(({ offset }) => ({ offset, forMs: 60_000 })) },
    })
    bench.seat.setPaused(false)
    bench.seat.take(Infinity)
    assert.deepEqual(runs, ['0.1'])
  })

  it('waits no longer for a suspect than it is suspected', async () => {
    const promised = new Promised()
    const left = [
      { offset: 0, key: 'a' },
      { offset: 1, key: 'b' },
    ]
    await start({
      ring: new FakeSeatRing([{ offset: 3 }], 300, left),
      handle: promised.handle,
      start: { concurrency: 10, suspects: [{ offset: 0, forMs: 20 }] },
    })
    await until(() => promised.offsets.length === 3)
  })

  it('does not suspect a record any more whose attempt has failed', async () => {
    const left = [{ offset: 0, key: 'a' }]
    const { ring, runs } = await start({
      ring: new FakeSeatRing([{ offset: 1 }], 300, left),
      handle: failing(0),
      settings: { retry: LONG_WAIT },
      start: { suspects: [{ offset: 0, forMs: 60_000 }] },
    })
    await until(() => ring.finished.length === 1)
    assert.deepEqual(runs, ['0.1', '1.1'])
  })
})

describe('a seat that is being ended', () => {
  it('waits for what runs and for nothing else, and leaves the rest as it is', async () => {
    const promised = new Promised()
    const released: unknown[] = []
    const { ring, runs, bench } = await start({
      ring: ringOf('a', 'b', 'a', 'b', 'c'),
      handle: record => {
        if (record.offset === 0n) throw new Error('no')
        return promised.handle(record)
      },
      module: { released: () => released.push(ring.finished) },
      settings: { retry: LONG_WAIT },
      start: { concurrency: 2 },
    })
    await until(() => promised.offsets.length === 2)
    let isDrained = false
    const drained = bench.seat.drain().then(() => (isDrained = true))
    await promised.settle(1)
    assert.deepEqual([isDrained, ring.waitsFor, released], [false, 'draining', []])
    await promised.settle(4)
    await drained
    assert.deepEqual(ring.inHand, ['0 retry after 1', '2 behind', '3 ready'])
    assert.deepEqual([runs.length, bench.seat.state, released.length], [3, 'drained', 1])
  })

  it('leaves a record that fails at the end to whoever goes on, forgiven and not stopped', async () => {
    const promised = new Promised()
    const { ring, bench } = await start({
      ring: ringOf('a'),
      handle: promised.handle,
      settings: { retry: ONCE },
    })
    await until(() => promised.offsets.length === 1)
    const drained = bench.seat.drain()
    await promised.settle(0, new Error('no'))
    await drained
    assert.deepEqual(ring.inHand, ['0 ready'])
    assert.deepEqual([bench.failures.length, bench.troubles.length], [0, 1])
  })

  it('does not wait for a dead letter, and an answer that comes later changes nothing', async () => {
    const stored: Deferred<void> = deferred()
    const { ring, bench } = await start({
      ring: ringOf('a'),
      handle: failing(0),
      settings: { onFailure: 'dead-letter', retry: ONCE },
      deadLetter: () => stored.promise,
    })
    await until(() => bench.letters.length === 1)
    await bench.seat.drain()
    stored.resolve()
    await nextTurn()
    assert.deepEqual([ring.inHand, bench.told], [['0 dead-letter after 1'], []])
  })

  it('tells all that runs to give up when the claim is lost, and counts no attempt', async () => {
    const { ring, bench } = await start({
      ring: ringOf('a', 'b', 'c'),
      handle: (_record, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
      start: { concurrency: 2 },
    })
    await until(() => ring.inHand.length === 2)
    bench.seat.abort('it is lost')
    await bench.seat.drain()
    assert.deepEqual([ring.inHand, ring.failures], [['0 ready', '1 ready'], 0])
    assert.deepEqual(
      bench.troubles.map(({ code }) => code),
      ['HANDLER_FAILED', 'HANDLER_FAILED'],
    )
  })

  it('lets its thread be left out of its end, unless that is to be told the handler module', async () => {
    const isLoose = async (module: object): Promise<boolean> => {
      const ring = new FakeSeatRing([])
      await start({ ring, module })
      return ring.isLoose
    }
    assert.equal(await isLoose({ handle: () => {}, claimed: () => {} }), true)
    assert.equal(await isLoose({ handle: () => {}, released: () => {} }), false)
  })

  it('is over if claimed fails', async () => {
    const claimed = (): void => {
      throw new Error('no')
    }
    const ring = ringOf('a')
    await assert.rejects(start({ ring, module: { claimed } }), { code: 'HANDLER_HOOK_FAILED' })
    assert.deepEqual(ring.inHand, [])
  })
})

describe('a seat takes nothing', () => {
  it('while it is paused', async () => {
    const { ring, bench } = await start({ ring: ringOf('a'), start: { paused: true } })
    bench.seat.setPaused(true)
    await nextTurn()
    assert.deepEqual([ring.waitsFor, ring.finished], ['paused', []])
    bench.seat.setPaused(false)
    await until(() => ring.finished.length === 1)
  })

  it('when the group is to stop, nor brings a record anywhere', async () => {
    const ring = new FakeSeatRing([], 300, [{ offset: 0, attempts: 3 }])
    const { bench } = await start({ ring, settings: { onFailure: 'skip' } })
    bench.group.requestStop()
    await nextTurn()
    await nextTurn()
    assert.deepEqual([ring.inHand, bench.told], [['0 ready after 3'], []])
  })

  it('when its lease is over, and goes on when it holds again', async () => {
    const ring = ringOf('a', 'b')
    const { bench, runs } = await start({ ring, handle: () => bench.group.endLease() })
    await until(() => ring.waitsFor === 'lease')
    assert.deepEqual([runs, ring.inHand], [['0.1'], ['1 ready']])
    bench.group.renewLease({ monoMs: monotonicMs() + 60_000, wallMs: wallMs() + 60_000 })
    await until(() => runs.length === 2)
  })

  it('once its claim is void', async () => {
    const ring = ringOf('a', 'b')
    const { bench, runs } = await start({ ring, handle: () => bench.group.voidClaims() })
    await until(() => runs.length === 1)
    bench.group.renewLease({ monoMs: monotonicMs() + 60_000, wallMs: wallMs() + 60_000 })
    await until(() => !bench.seat.canTake)
    assert.deepEqual(runs, ['0.1'])
  })

  it('while another lane of the process runs alone', async () => {
    const ring = ringOf('a', 'b')
    const { bench, runs } = await start({ ring, handle: () => bench.group.setOneAlone(true) })
    await until(() => runs.length === 1)
    await nextTurn()
    assert.equal(bench.seat.canTake, false)
    bench.group.setOneAlone(false)
    bench.loop.wake()
    await until(() => runs.length === 2)
  })
})

describe('an attempt of a seat that takes too long', () => {
  const settings = { handlerTimeoutMs: 20, onFailure: 'skip', retry: ONCE } as const

  it('is told to give up, alone, and has failed whatever it does then', async () => {
    const promised = new Promised()
    const signals = new Map<bigint, AbortSignal>()
    const { ring, bench } = await start({
      ring: ringOf('a', 'b'),
      handle: (record, context) => {
        signals.set(record.offset, context.signal)
        return promised.handle(record)
      },
      settings: { ...settings, handlerTimeoutMs: 50 },
      start: { concurrency: 2 },
    })
    await until(() => promised.offsets.length === 2)
    await promised.settle(1)
    await until(() => ring.inHand.includes('0 timed-out'))
    assert.deepEqual([signals.get(0n)!.aborted, signals.get(1n)!.aborted], [true, false])
    await promised.settle(0)
    assert.deepEqual(bench.told[0], 'skipped 0 after 1')
    assert.equal(bench.messages[0]!.error.code, 'HANDLER_TIMEOUT')
  })

  it('is as its slot says before anybody hears of it', async () => {
    const ring = ringOf('a')
    const seen: unknown[] = []
    await start({
      ring,
      handle: (_record, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            seen.push(ring.inHand)
            reject(new Error('late'))
          })
        }),
      settings,
    })
    await until(() => ring.finished.length === 1)
    assert.deepEqual(seen, [['0 timed-out']])
  })

  it('has a signal of its own in each attempt: sync, async, or failed', async () => {
    const signals: AbortSignal[] = []
    const { ring } = await start({
      ring: ringOf('a', 'b', 'c', 'd'),
      handle: ({ offset }, { signal }) => {
        signals.push(signal)
        if (signals.length === 3 || signals.length === 4) throw new Error('no')
        return offset === 0n ? undefined : Promise.resolve()
      },
      settings: { retry: { ...SHORT_WAIT, backoffMs: 0, maxBackoffMs: 0 } },
    })
    await until(() => ring.finished.length === 4)
    assert.deepEqual([signals.length, new Set(signals).size], [6, 6])
  })

  it('leaves a fresh signal for the next record of its slot', async () => {
    const aborted: boolean[] = []
    const { ring } = await start({
      ring: ringOf('a', 'b'),
      handle: (record, { signal }) => {
        aborted.push(signal.aborted)
        if (record.offset === 1n) return undefined
        return new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      },
      settings,
    })
    await until(() => ring.finished.length === 2)
    assert.deepEqual(aborted, [false, false])
  })
})
