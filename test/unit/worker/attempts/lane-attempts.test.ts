import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { UnrecoverableError, type HandlerContext, type KafkaRecord } from '#src/handler.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { toWire } from '#src/shared/error-wire.js'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { eventually } from '../../../support/eventually.ts'
import { HOSTILE } from '../../../support/hostile.ts'
import {
  deliver,
  laneBenches,
  type LaneBench,
  NO_WAIT,
  watchOpening,
  type LaneBenchOptions,
} from '../../../support/lane-bench.ts'

const LONG_WAIT = { attempts: 3, backoffMs: 60_000, maxBackoffMs: 60_000, jitter: 0 }
const SHORT_WAIT = { attempts: 3, backoffMs: 20, maxBackoffMs: 20, jitter: 0 }

const startBench = laneBenches()

type Given = Partial<LaneBenchOptions> & { readonly handle?: Handle; readonly count?: number }
type Handle = (record: KafkaRecord, context: HandlerContext) => unknown

/** A lane of `count` records, 3 unless said, whose attempts are kept as `<offset>.<attempt>`. */
async function start(given: Given): Promise<{ bench: LaneBench; runs: string[] }> {
  const { handle = () => {}, count = 3, module, ...options } = given
  const runs: string[] = []
  const counted: Handle = (record, context) => {
    runs.push(`${record.offset}.${record.attempt}`)
    return handle(record, context)
  }
  const log = Array.from({ length: count }, (_, offset) => ({
    offset,
    value: Buffer.from(`value ${offset}`),
  }))
  const bench = await startBench({ log, ...options, module: { ...module, handle: counted } })
  return { bench, runs }
}

function failing(offset: number, times = Infinity): Handle {
  return record => {
    if (Number(record.offset) === offset && record.attempt <= times) throw new Error(`no ${record.attempt}`)
  }
}

async function atFloor(bench: LaneBench, floor: number): Promise<void> {
  await eventually(() => bench.memory.floor === floor, {
    intervalMs: 1,
    message: () => `${bench.memory.floor}`,
  })
}

describe('a record whose attempt fails', () => {
  for (const isAsync of [false, true]) {
    it(`is run again before anything behind it, until it succeeds (${isAsync ? 'async' : 'sync'})`, async () => {
      const fails = failing(1, 2)
      const handle: Handle = isAsync ? async (...given) => fails(...given) : fails
      const { bench, runs } = await start({ handle })
      await atFloor(bench, 3)
      assert.deepEqual(runs, ['0.1', '1.1', '1.2', '1.3', '2.1'])
      assert.deepEqual(bench.told, ['retry 1 after 1', 'retry 1 after 2'])
      assert.deepEqual([bench.memory.remainder, bench.memory.handled], [null, 3])
      assert.equal(bench.memory.read().failed, 2)
    })
  }

  it('waits, as the memory and the message tell, and holds nothing else', async () => {
    const { bench, runs } = await start({ handle: failing(1), settings: { retry: LONG_WAIT } })
    await eventually(() => bench.messages.length === 1, { intervalMs: 1 })
    assert.equal(bench.lane.canTake, false)
    const { waitsFor, inHand, attempts, retry, floor } = bench.memory.read()
    assert.deepEqual([waitsFor, inHand, attempts, floor], ['retry', 'nothing', 1, 1])
    assert.ok(Math.abs(retry!.atMs - retry!.sinceMs - 60_000) < 1)
    const [{ retryInMs, error, ...told }] = bench.messages as [(typeof bench.messages)[number]]
    assert.deepEqual([told.offset, told.attempt, told.outcome, retryInMs], [1, 1, 'retry', 60_000])
    const details = { topic: 't', partition: 0, offset: 1, attempt: 1, threadId: 3 }
    assert.deepEqual([error.code, error.details], ['HANDLER_FAILED', details])
    await bench.drain() // at once
    assert.deepEqual(runs, ['0.1', '1.1'])
    assert.equal(bench.memory.floor, 1)
  })

  it('waits on another thread for the rest of its time only, and keeps its attempts', async () => {
    const first = await start({ handle: failing(1), settings: { retry: { ...LONG_WAIT, backoffMs: 300 } } })
    await eventually(() => first.bench.messages.length === 1, { intervalMs: 1 })
    const { atMs } = first.bench.memory.retry!
    await first.bench.drain()
    const next = await start({ memory: first.bench.memory, settings: { retry: LONG_WAIT } })
    await eventually(() => next.bench.memory.read().waitsFor === 'retry', { intervalMs: 1 })
    assert.equal(next.bench.memory.retry!.atMs, atMs)
    await atFloor(next.bench, 3)
    assert.deepEqual(next.runs, ['1.2', '2.1'])
    assert.equal(next.bench.memory.retry, null)
  })

  it('is told in the memory before anything of the user runs on', async () => {
    const seen: unknown[] = []
    const memory = LaneMemory.create(0)
    const retry = (attempt: number): number => {
      seen.push([attempt, memory.floor, memory.remainder, memory.inHand])
      return 0
    }
    const { bench } = await start({ memory, module: { retry }, handle: failing(1, 1) })
    await atFloor(bench, 3)
    const remainder = { frontier: 2, inHand: [{ offset: 1, attempts: 1 }] }
    assert.deepEqual(seen, [[1, 1, remainder, 'slice']])
  })

  it('is in hand as on the stack also while the rule is asked about an async handler', async () => {
    const memory = LaneMemory.create(0)
    const seen: unknown[] = []
    const retry = (): number => (seen.push(memory.inHand), 0)
    const { bench } = await start({
      memory,
      module: { retry },
      handle: async (...of) => failing(1, 1)(...of),
    })
    await atFloor(bench, 3)
    assert.deepEqual([seen, memory.inHand], [['slice'], 'nothing'])
  })

  it('is a fresh object for each attempt, with its bytes, also when it was detached', async () => {
    const seen = new Set<KafkaRecord>()
    const handle: Handle = record => {
      seen.add(record.detach())
      assert.equal(String(record.value), `value ${record.offset}`)
      failing(1, 2)(record, {} as HandlerContext)
    }
    const { bench } = await start({ handle })
    await atFloor(bench, 3)
    assert.equal(seen.size, 5)
  })

  it('has its attempts counted, whatever the handler does to it', async () => {
    const handle: Handle = record => {
      if (record.offset !== 1n) return
      for (const name of ['attempt', 'timestamp']) Reflect.set(record, name, NaN)
      throw new Error('no')
    }
    const { bench, runs } = await start({ handle, settings: { onFailure: 'skip' } })
    await atFloor(bench, 3)
    assert.deepEqual(runs, ['0.1', '1.1', '1.2', '1.3', '2.1'])
    assert.deepEqual(bench.failures, [])
  })

  it('has failed, too, when its value cannot be decoded', async () => {
    let times = 0
    const decode = (): string => {
      times += 1
      if (times < 3) throw new Error('no schema yet')
      return 'decoded'
    }
    const values: unknown[] = []
    const { bench } = await start({ count: 1, module: { decode }, handle: ({ value }) => values.push(value) })
    await atFloor(bench, 1)
    assert.deepEqual(values, ['decoded'])
    assert.deepEqual(
      bench.messages.map(({ error }) => error.code),
      ['DECODE_FAILED', 'DECODE_FAILED'],
    )
  })

  it('does not count an attempt that was told to give up, and did', async () => {
    const handle: Handle = (_record, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gave up'))))
    const { bench } = await start({ handle, settings: { retry: { ...NO_WAIT, attempts: 1 } } })
    await eventually(() => bench.memory.inHand === 'awaited', { intervalMs: 1 })
    bench.lane.abort('the claim is lost')
    await bench.drain()
    assert.deepEqual([bench.memory.remainder, bench.memory.floor, bench.told], [null, 0, []])
    assert.match(bench.troubles[0]!.message, /gave up/)
  })

  it('counts one that failed during a drain, which goes on at once', async () => {
    const inHand: Deferred<void> = deferred()
    const { bench } = await start({ handle: () => inHand.promise, settings: { retry: LONG_WAIT } })
    await eventually(() => bench.memory.inHand === 'awaited', { intervalMs: 1 })
    const drained = bench.lane.drain()
    inHand.reject(new Error('no'))
    await drained
    assert.deepEqual(bench.memory.remainder, { frontier: 1, inHand: [{ offset: 0, attempts: 1 }] })
    assert.notEqual(bench.memory.retry, null)
    assert.deepEqual(bench.told, ['retry 0 after 1'])
  })
})

describe('a record whose attempts are used up', () => {
  it('stops its lane under stop, and has all attempts again for whoever goes on', async () => {
    const { bench, runs } = await start({ handle: failing(1) })
    await eventually(() => bench.failures.length === 1, { intervalMs: 1 })
    const [error] = bench.failures
    assert.ok(isGroupError(error, 'HANDLER_FAILED'))
    assert.match(error.message, /^the handler failed on t\/0 at offset 1: no 3; the partition stops there/)
    assert.deepEqual(error.details, { topic: 't', partition: 0, offset: 1, attempt: 3, threadId: 3 })
    assert.deepEqual(bench.memory.remainder, { frontier: 2, inHand: [{ offset: 1, attempts: 0 }] })
    await bench.drain()
    const next = await start({ memory: bench.memory })
    await atFloor(next.bench, 3)
    assert.deepEqual([...runs, ...next.runs], ['0.1', '1.1', '1.2', '1.3', '1.1', '2.1'])
  })

  it('gives those behind it all attempts again, too, whose attempts are used up', async () => {
    const inHand = [
      { offset: 0, attempts: 3 },
      { offset: 1, attempts: 3 },
      { offset: 2, attempts: 1 },
    ]
    const memory = LaneMemory.create(0, 3, { frontier: 3, inHand })
    const { bench, runs } = await start({ memory })
    await eventually(() => bench.failures.length === 1, { intervalMs: 1 })
    await bench.drain()
    const next = await start({ memory })
    await atFloor(next.bench, 3)
    assert.deepEqual([...runs, ...next.runs], ['0.1', '1.1', '2.2'])
  })

  it('is left out under skip', async () => {
    const { bench, runs } = await start({ handle: failing(1), settings: { onFailure: 'skip' } })
    await atFloor(bench, 3)
    assert.deepEqual(runs, ['0.1', '1.1', '1.2', '1.3', '2.1'])
    assert.equal(bench.told.at(-1), 'skipped 1 after 3')
    assert.equal(bench.memory.handled, 3)
  })

  it('is given up at once after an UnrecoverableError, or when the rule says so', async () => {
    const unrecoverable: Handle = ({ offset }) => {
      if (offset === 1n) throw new UnrecoverableError('hopeless')
    }
    for (const given of [
      { handle: unrecoverable },
      { handle: failing(1), module: { retry: () => 'give-up' } },
    ]) {
      const { bench, runs } = await start({ ...given, settings: { onFailure: 'skip' } })
      await atFloor(bench, 3)
      assert.deepEqual(runs, ['0.1', '1.1', '2.1'])
      assert.deepEqual(bench.told, ['skipped 1 after 1'])
    }
  })

  it('is told with what failed it before it is stored elsewhere: the lane may leave the thread before that is done', async () => {
    const settings = { onFailure: 'dead-letter', retry: { ...NO_WAIT, attempts: 1 } } as const
    const { bench } = await start({ handle: failing(1), settings })
    await eventually(() => bench.usedUp.length > 0)
    const [{ offset, attempts, error }] = bench.usedUp as [(typeof bench.usedUp)[number]]
    assert.deepEqual([offset, attempts], [1, 1])
    assert.equal(error.cause?.message, 'no 1')
  })

  it('was so before this thread got it: it is not run, and what failed it is told as it was handed over', async () => {
    const remainder = { frontier: 2, inHand: [{ offset: 1, attempts: 3 }] }
    const killed = new GroupError('HANDLER_KILLED_THREAD', 'it ended its thread', { details: { attempt: 3 } })
    const words = [/it ended its thread/, /used up before this thread got it/]
    for (const lastFailure of [toWire(killed), null]) {
      const memory = LaneMemory.create(1, 1, remainder)
      const { bench, runs } = await start({ memory, start: { lastFailure }, settings: { onFailure: 'skip' } })
      await atFloor(bench, 3)
      assert.deepEqual(runs, ['2.1'])
      assert.deepEqual(bench.told, ['skipped 1 after 3'])
      assert.match(bench.messages[0]!.error.message, words.shift()!)
    }
  })
})

describe('a lane with records in hand from the thread before', () => {
  it('runs those alone, in order, with their attempts, and none that was finished', async () => {
    const inHand = [
      { offset: 1, attempts: 2 },
      { offset: 4, attempts: 0 },
    ]
    const memory = LaneMemory.create(1, 2, { frontier: 6, inHand })
    const floors: number[] = []
    const { bench, runs } = await start({ memory, count: 8, handle: () => floors.push(memory.floor) })
    await atFloor(bench, 8)
    assert.deepEqual(runs, ['1.3', '4.1', '6.1', '7.1'])
    assert.deepEqual(floors, [1, 4, 6, 7])
  })

  it('takes for new what a log holds that was cut off below them and has grown again', async () => {
    const attach: LaneBenchOptions['attach'] = (inbox, options) => {
      deliver(inbox, options)
      inbox.askWhenEmpty(() => {
        inbox.jumpTo(1)
        deliver(inbox, options)
      })
    }
    const { bench, runs } = await start({ attach, handle: failing(2, 1) })
    await eventually(() => runs.length === 7, { intervalMs: 1, message: () => runs.join() })
    assert.deepEqual(runs, ['0.1', '1.1', '2.1', '2.2', '1.1', '2.1', '2.2'])
    assert.deepEqual([bench.memory.floor, bench.memory.remainder], [3, null])
  })

  it('passes one that is gone from the log', async () => {
    const memory = LaneMemory.create(1, 1, { frontier: 2, inHand: [{ offset: 1, attempts: 1 }] })
    const log = [{ offset: 0 }, { offset: 5 }]
    const { bench, runs } = await start({ memory, log })
    await atFloor(bench, 6)
    assert.deepEqual(runs, ['5.1'])
  })
})

describe('a dead letter', () => {
  const headers = [
    ['a', Buffer.from('1')],
    ['b', null],
    ['a', Buffer.alloc(0)],
  ] as const
  const log = [
    { offset: 0, timestamp: 77, key: Buffer.from('key'), value: Buffer.from('bytes'), headers },
    { offset: 1, key: null, value: null },
  ]
  const settings = { onFailure: 'dead-letter', retry: { ...NO_WAIT, attempts: 2 } } as const
  const handle = failing(0)

  it('is made of the bytes of the record, in memory of its own, and the floor moves when it is stored', async () => {
    const stored: Deferred<void> = deferred()
    const { bench, runs } = await start({ log, settings, handle, deadLetter: () => stored.promise })
    await eventually(() => bench.letters.length === 1, { intervalMs: 1 })
    assert.deepEqual([bench.memory.floor, bench.memory.read().waitsFor], [0, 'dead-letter'])
    const [{ key, value, headers: sent, error, ...letter }] = bench.letters as [
      (typeof bench.letters)[number],
    ]
    assert.deepEqual(
      [String(key), String(value)],
      [String(Uint8Array.from(Buffer.from('key'))), String(Uint8Array.from(Buffer.from('bytes')))],
    )
    assert.equal(value!.buffer.byteLength, 5)
    assert.deepEqual(
      sent.map(([name, bytes]) => [name, bytes === null ? null : Buffer.from(bytes).toString()]),
      [
        ['a', '1'],
        ['b', null],
        ['a', ''],
      ],
    )
    assert.equal(error.message, 'the handler failed on t/0 at offset 0: no 2')
    assert.deepEqual(letter, { lane: bench.lane.id, offset: 0, timestamp: 77, attempts: 2, threadId: 3 })
    stored.resolve()
    await atFloor(bench, 2)
    assert.deepEqual(runs, ['0.1', '0.2', '1.1'])
    assert.equal(bench.told.at(-1), 'dead-lettered 0 after 2')
  })

  it('has nulls where the record has', async () => {
    const { bench } = await start({ log, settings, handle: failing(1), deadLetter: async () => {} })
    await atFloor(bench, 2)
    const { key, value, headers: sent } = bench.letters[0]!
    assert.deepEqual([key, value, sent], [null, null, []])
  })

  it('that cannot be stored stops the lane at the record', async () => {
    const refuse = (): Promise<void> => Promise.reject(new Error('brokers away'))
    const { bench } = await start({ log, settings, handle, deadLetter: refuse })
    await eventually(() => bench.failures.length === 1, { intervalMs: 1 })
    const [error] = bench.failures
    assert.ok(isGroupError(error, 'DEAD_LETTER_FAILED'))
    assert.match(
      error.message,
      /offset 0 of t\/0 could not be stored: brokers away; the partition stops there/,
    )
    assert.deepEqual(error.details, { topic: 't', partition: 0, offset: 0, attempt: 2, threadId: 3 })
    assert.equal(bench.memory.floor, 0)
  })

  for (const how of ['drain', 'abort'] as const) {
    it(`holds up no ${how}, which leaves the record unfinished, whatever comes of the letter`, async () => {
      const stored: Deferred<void> = deferred()
      const { bench } = await start({ log, settings, handle, deadLetter: () => stored.promise })
      await eventually(() => bench.letters.length === 1, { intervalMs: 1 })
      if (how === 'abort') bench.lane.abort('the claim is lost')
      await bench.drain()
      stored.resolve()
      await nextTurn()
      assert.equal(bench.memory.floor, 0)
      assert.deepEqual(bench.memory.remainder, { frontier: 1, inHand: [{ offset: 0, attempts: 2 }] })
      const next = await start({ log, settings, handle, memory: bench.memory, deadLetter: async () => {} })
      await atFloor(next.bench, 2)
      assert.deepEqual(next.runs, ['1.1'])
      assert.equal(next.bench.letters.length, 1)
    })
  }
})

describe('the deadline of an attempt', () => {
  const settings = { handlerTimeoutMs: 15, retry: SHORT_WAIT }

  it('aborts its signal, and it has failed however it settles; the next one has a fresh signal', async () => {
    const signals: AbortSignal[] = []
    const inHand: string[] = []
    const handle: Handle = async ({ offset, attempt }, context) => {
      if (offset !== 0n) return
      const { signal } = context
      assert.equal(signal.aborted, false)
      signals.push(signal)
      if (attempt === 3) return
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      inHand.push(bench.memory.inHand)
      if (attempt === 1) throw new Error('I heard')
    }
    const { bench, runs } = await start({ handle, settings })
    await atFloor(bench, 3)
    assert.deepEqual(runs, ['0.1', '0.2', '0.3', '1.1', '2.1'])
    assert.deepEqual(inHand, ['timed-out', 'timed-out'])
    const [first, second] = bench.messages.map(({ error }) => error)
    assert.deepEqual([first!.code, first!.cause?.message], ['HANDLER_TIMEOUT', 'I heard'])
    assert.deepEqual([second!.code, second!.cause], ['HANDLER_TIMEOUT', undefined])
    assert.deepEqual(second!.details, { topic: 't', partition: 0, offset: 0, attempt: 2, threadId: 3 })
    assert.ok(isGroupError(signals[0]!.reason, 'HANDLER_TIMEOUT'))
    assert.equal(new Set(signals).size, 3)
  })

  it('does not repeat as a cause what the handler passed on', async () => {
    const handle: Handle = ({ attempt }, { signal }) =>
      attempt > 1
        ? undefined
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    const { bench } = await start({ handle, settings, count: 1 })
    await atFloor(bench, 1)
    assert.deepEqual(
      [bench.messages[0]!.error.code, bench.messages[0]!.error.cause],
      ['HANDLER_TIMEOUT', undefined],
    )
  })

  it('is no business of a handler that is in time, nor of a sync one', async () => {
    const handle: Handle = ({ offset }) => (offset === 1n ? burn(40) : nextTurn())
    const { bench } = await start({ handle, settings })
    await atFloor(bench, 3)
    assert.deepEqual(bench.told, [])
  })

  it('begins when the attempt does, however long the records before it took', async () => {
    const handle: Handle = ({ offset }) => {
      if (offset < 500n) return // as fast as it takes for the clock not to be looked at before each record
      if (offset % 2n === 1n) return delay(20)
      burn(100)
    }
    const { bench } = await start({ handle, settings: { ...settings, handlerTimeoutMs: 60 }, count: 506 })
    await atFloor(bench, 506)
    assert.deepEqual(bench.told, [])
  })

  it('is not that of opening what was fetched: nothing is in hand then', async () => {
    const inHand = new Set<string>()
    const handle: Handle = () => void inHand.add(`handler: ${bench.memory.inHand}`)
    const spied = watchOpening(() => inHand.add(`opening: ${bench.memory.inHand}`))
    const { bench } = await start({ handle, chunk: 1 })
    await atFloor(bench, 3)
    spied.mock.restore()
    assert.deepEqual([...inHand], ['opening: nothing', 'handler: slice'])
  })

  it('leaves the signal of a lane that is given up aborted', async () => {
    const { promise, resolve } = deferred<HandlerContext>()
    const { bench } = await start({
      handle: (_, context) => (resolve(context), new Promise(() => {})),
      settings,
    })
    const { signal } = await promise
    await eventually(() => signal.aborted, { intervalMs: 1 })
    bench.lane.abort('the claim is lost')
    assert.equal((await promise).signal.aborted, true)
  })
})

describe('a handler that throws what hurts whoever looks at it', () => {
  for (const [what, make] of Object.entries(HOSTILE)) {
    it(`fails an attempt, and no more: ${what}`, async () => {
      const handle: Handle = ({ offset, attempt }) => {
        if (offset === 1n && attempt === 1) throw make()
        if (offset === 1n && attempt === 2) return rejecting(make())
      }
      const { bench, runs } = await start({ handle })
      await atFloor(bench, 3)
      assert.deepEqual(runs, ['0.1', '1.1', '1.2', '1.3', '2.1'])
      for (const { error } of bench.messages) {
        assert.equal(error.code, 'HANDLER_FAILED')
        structuredClone(error)
      }
    })
  }
})

async function rejecting(thrown: unknown): Promise<never> {
  await nextTurn()
  throw thrown
}

function burn(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}
