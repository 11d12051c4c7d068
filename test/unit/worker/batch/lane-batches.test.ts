import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { UnrecoverableError, type BatchContext, type KafkaRecord } from '#src/handler.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { eventually } from '../../../support/eventually.ts'
import {
  deliver,
  laneBenches,
  type LaneBench,
  NO_WAIT,
  watchOpening,
  type LaneBenchOptions,
} from '../../../support/lane-bench.ts'
import type { TestRecord } from '../../../support/record-batches.ts'

const startBench = laneBenches()

type HandleBatch = (records: readonly KafkaRecord[], context: BatchContext) => unknown
type Given = Partial<LaneBenchOptions> & { readonly handleBatch?: HandleBatch; readonly count?: number }

function logOf(count: number): TestRecord[] {
  return Array.from({ length: count }, (_, offset) => ({ offset, value: Buffer.from(`${offset}`) }))
}

/** A lane in batches of 3 of as many records as said, whose calls are kept as `<offset>.<attempt> …`. */
async function start(given: Given): Promise<{ bench: LaneBench; calls: string[] }> {
  const { handleBatch = () => {}, count = 7, module, settings, ...options } = given
  const calls: string[] = []
  const counted: HandleBatch = (records, context) => {
    calls.push(records.map(({ offset, attempt }) => `${offset}.${attempt}`).join(' '))
    return handleBatch(records, context)
  }
  const bench = await startBench({
    log: logOf(count),
    ...options,
    module: { ...module, handleBatch: counted },
    settings: { batchSize: 3, ...settings },
  })
  return { bench, calls }
}

/** Throws while one of these is in the batch, for as many of its attempts. */
function throwing(offset: number, times = Infinity): HandleBatch {
  return records => {
    const record = records.find(one => Number(one.offset) === offset)
    if (record !== undefined && record.attempt <= times) throw new Error(`no ${offset}`)
  }
}

/** Fails this one for as many of its attempts. */
function failingOnly(offset: number, times = Infinity): HandleBatch {
  return (records, context) => {
    const record = records.find(one => Number(one.offset) === offset)
    if (record !== undefined && record.attempt <= times) context.fail(record, new Error(`no ${offset}`))
  }
}

async function atFloor(bench: LaneBench, floor: number): Promise<void> {
  await eventually(() => bench.memory.floor === floor, {
    intervalMs: 1,
    message: () => `${bench.memory.floor}`,
  })
}

describe('batches', () => {
  for (const chunk of [1, 2, 7]) {
    it(`are full as long as there are records, in order, however they were fetched (${chunk} at once)`, async () => {
      const { bench, calls } = await start({ chunk })
      await atFloor(bench, 7)
      assert.deepEqual(calls, ['0.1 1.1 2.1', '3.1 4.1 5.1', '6.1'])
      assert.equal(bench.memory.handled, 7)
      assert.equal(bench.memory.read().bufferedBytes, 0)
    })
  }

  it('are of one record without a size', async () => {
    const { bench, calls } = await start({ count: 2, settings: { batchSize: 1 } })
    await atFloor(bench, 2)
    assert.deepEqual(calls, ['0.1', '1.1'])
  })

  it('stop the lane where they are when a defect of ours ends them, and lose nothing', async () => {
    const memory = LaneMemory.create(0, 1) // no room for what is left of a batch
    const { bench } = await start({ memory, handleBatch: throwing(1) })
    await eventually(() => bench.failures.length === 1, { intervalMs: 1 })
    assert.deepEqual([bench.failures[0]!.code, memory.floor], ['INTERNAL', 0])
  })

  it('tell in the memory where they end, until they are settled', async () => {
    const ends: number[][] = []
    const { bench } = await start({
      handleBatch: () => ends.push([bench.memory.floor, bench.memory.batchEnd]),
      count: 4,
    })
    await atFloor(bench, 4)
    assert.deepEqual(ends, [
      [0, 3],
      [3, 0],
    ])
  })

  it('count their bytes as long as they are in hand', async () => {
    const inHand: Deferred<void> = deferred()
    const { bench } = await start({ handleBatch: () => inHand.promise, count: 3, chunk: 1 })
    await eventually(() => bench.memory.inHand === 'awaited', { intervalMs: 1 })
    assert.ok(bench.memory.read().bufferedBytes > 0)
    inHand.resolve()
    await eventually(() => bench.memory.read().bufferedBytes === 0, { intervalMs: 1 })
  })

  it('leave nothing behind when they take the rest of a turn, or are async', async () => {
    const handlers: HandleBatch[] = [
      () => {
        for (const endMs = performance.now() + 20; performance.now() < endMs;);
      },
      () => nextTurn(),
    ]
    for (const handleBatch of handlers) {
      const { bench } = await start({
        handleBatch,
        count: 3,
        settings: { batchSize: 9, batchWaitMs: 1 },
      })
      await atFloor(bench, 3)
      await eventually(() => bench.memory.read().bufferedBytes === 0, { intervalMs: 1 })
    }
  })

  it('are of one record each where one may have ended its thread', async () => {
    const memory = LaneMemory.create(0, 3)
    memory.setSinglesBelow(2)
    const { bench, calls } = await start({ memory })
    await atFloor(bench, 7)
    assert.deepEqual(calls, ['0.1', '1.1', '2.1 3.1 4.1', '5.1 6.1'])
  })

  it('wait for more as long as they may, and no longer when they are full', async () => {
    const { bench, calls } = await start({ count: 5, settings: { batchWaitMs: 30 } })
    await atFloor(bench, 3)
    assert.deepEqual(calls, ['0.1 1.1 2.1'])
    assert.equal(bench.memory.inHand, 'nothing')
    await atFloor(bench, 5)
    assert.deepEqual(calls, ['0.1 1.1 2.1', '3.1 4.1'])
  })

  it('that wait are run before what a log holds that was cut off below them', async () => {
    const attach: LaneBenchOptions['attach'] = (inbox, options) => {
      deliver(inbox, options)
      inbox.askWhenEmpty(() => {
        inbox.jumpTo(1)
        deliver(inbox, options)
      })
    }
    const { calls } = await start({ count: 3, attach, settings: { batchSize: 9, batchWaitMs: 20 } })
    await eventually(() => calls.length === 2, { intervalMs: 1, message: () => calls.join() })
    assert.deepEqual(calls, ['0.1 1.1 2.1', '1.1 2.1'])
  })

  it('are not in hand while what was fetched is opened', async () => {
    const inHand = new Set<string>()
    const spied = watchOpening(() => inHand.add(`opening: ${bench.memory.inHand}`))
    const handleBatch: HandleBatch = () => void inHand.add(`handler: ${bench.memory.inHand}`)
    const { bench } = await start({ handleBatch, chunk: 2 })
    await atFloor(bench, 7)
    spied.mock.restore()
    assert.deepEqual([...inHand], ['opening: nothing', 'handler: slice'])
  })

  it('that wait hold up neither a drain nor a pause', async () => {
    const { bench, calls } = await start({ count: 2, settings: { batchWaitMs: 60_000 } })
    await nextTurn()
    await nextTurn()
    bench.lane.setPaused(true)
    assert.equal(bench.memory.read().waitsFor, 'paused')
    await bench.drain()
    assert.deepEqual([calls, bench.memory.floor], [[], 0])
  })

  it('are worked off before the damage behind them is met', async () => {
    const log = [...logOf(2), { offset: 2, value: Buffer.from('damaged') }]
    const { bench, calls } = await start({ log, damageAt: 2, chunk: 2 })
    await eventually(() => bench.failures.length === 1, { intervalMs: 1 })
    assert.deepEqual([calls, bench.failures[0]!.code, bench.memory.floor], [['0.1 1.1'], 'BATCH_CORRUPT', 2])
  })
})

describe('a batch of which records fail', () => {
  it('has finished the others, and runs those alone before anything behind it', async () => {
    const both: HandleBatch = (...given) => {
      failingOnly(0, 1)(...given)
      failingOnly(2, 2)(...given)
    }
    const { bench, calls } = await start({ handleBatch: both, count: 4 })
    await atFloor(bench, 4)
    assert.deepEqual(calls, ['0.1 1.1 2.1', '0.2', '2.2', '2.3', '3.1'])
    assert.deepEqual(bench.told, ['retry 0 after 1', 'retry 2 after 1', 'retry 2 after 2'])
    assert.equal(bench.memory.handled, 4)
  })

  it('gives up none but them', async () => {
    const settings = { onFailure: 'skip', batchSize: 3 } as const
    const { bench, calls } = await start({ handleBatch: failingOnly(1), count: 4, settings })
    await atFloor(bench, 4)
    assert.deepEqual(calls, ['0.1 1.1 2.1', '1.2', '1.3', '3.1'])
    assert.equal(bench.told.at(-1), 'skipped 1 after 3')
  })

  it('leaves them, and them alone, to the next thread', async () => {
    const retry = { ...NO_WAIT, backoffMs: 60_000, maxBackoffMs: 60_000 }
    const both: HandleBatch = (...given) => {
      failingOnly(0)(...given)
      failingOnly(2)(...given)
    }
    const { bench } = await start({ handleBatch: both, settings: { retry } })
    await eventually(() => bench.messages.length === 2, { intervalMs: 1 })
    await bench.drain()
    const inHand = [
      { offset: 0, attempts: 1 },
      { offset: 2, attempts: 1 },
    ]
    assert.deepEqual(bench.memory.remainder, { frontier: 3, inHand })
    bench.memory.setRetry(null)
    const next = await start({ memory: bench.memory })
    await atFloor(next.bench, 7)
    assert.deepEqual(next.calls, ['0.2', '2.2', '3.1 4.1 5.1', '6.1'])
  })

  it('keeps the first of two errors, and refuses what is no record of it or comes too late', async () => {
    const errors: unknown[] = []
    const attempt = (work: () => void): void => {
      try {
        work()
      } catch (error) {
        errors.push((error as Error).message)
      }
    }
    let late: () => void = () => {}
    const handleBatch: HandleBatch = (records, context) => {
      const [record] = records
      if (record!.attempt > 1) return
      context.fail(record!, new Error('first'))
      context.fail(record!, new Error('second'))
      attempt(() => context.fail({ ...record } as KafkaRecord, new Error('other')))
      late = () => attempt(() => context.fail(record!, new Error('late')))
    }
    const { bench } = await start({ handleBatch, count: 1 })
    await atFloor(bench, 1)
    late()
    assert.match(bench.messages[0]!.error.message, /: first$/)
    assert.match(errors[0] as string, /this record is not one of the batch/)
    assert.match(errors[1] as string, /the batch is over/)
  })

  it('has failed with those whose value cannot be decoded, which the handler does not get', async () => {
    const decode = (bytes: Buffer): string => {
      if (String(bytes) === '1') throw new UnrecoverableError('no such format')
      return String(bytes)
    }
    const settings = { onFailure: 'skip', batchSize: 3 } as const
    const { bench, calls } = await start({ module: { decode }, settings, count: 3 })
    await atFloor(bench, 3)
    assert.deepEqual([calls, bench.told], [['0.1 2.1'], ['skipped 1 after 1']])
    assert.equal(bench.messages[0]!.error.code, 'DECODE_FAILED')
  })

  it('is not run at all when no value of it can be decoded', async () => {
    const settings = { onFailure: 'skip', batchSize: 3 } as const
    const { bench, calls } = await start({
      module: { decode: 'json' },
      settings,
      log: [{ offset: 0, value: Buffer.from('{') }],
    })
    await atFloor(bench, 1)
    assert.deepEqual(calls, [])
    assert.deepEqual(bench.told, ['retry 0 after 1', 'retry 0 after 2', 'skipped 0 after 3'])
  })
})

describe('a batch that fails as a whole', () => {
  for (const isAsync of [false, true]) {
    it(`is run again as a whole, the last time one by one (${isAsync ? 'async' : 'sync'})`, async () => {
      const handleBatch = throwing(1)
      const { bench, calls } = await start({
        handleBatch: isAsync ? async (...given) => handleBatch(...given) : handleBatch,
        count: 4,
        settings: { onFailure: 'skip', batchSize: 3 },
      })
      await atFloor(bench, 4)
      assert.deepEqual(calls, ['0.1 1.1 2.1', '0.2 1.2 2.2', '0.3', '1.3', '2.3', '3.1'])
      assert.deepEqual(bench.told, ['retry 0 after 1', 'retry 0 after 2', 'skipped 1 after 3'])
      assert.match(bench.messages[0]!.error.message, /^the handler failed on t\/0 at offsets 0 to 2: no 1$/)
      assert.equal(bench.messages[0]!.error.details?.['lastOffset'], 2)
    })
  }

  it('has used up the only attempt of all its records', async () => {
    const retry = { ...NO_WAIT, attempts: 1 }
    const { bench, calls } = await start({
      handleBatch: throwing(1),
      settings: { retry, onFailure: 'skip', batchSize: 3 },
      count: 3,
    })
    await atFloor(bench, 3)
    assert.deepEqual(calls, ['0.1 1.1 2.1'])
    assert.deepEqual(
      bench.told,
      [0, 1, 2].map(offset => `skipped ${offset} after 1`),
    )
  })

  it('that cannot be recovered is run one by one at once, because it does not tell which record is meant', async () => {
    const handleBatch: HandleBatch = records => {
      if (records.some(({ offset }) => offset === 1n)) throw new UnrecoverableError('hopeless')
    }
    const { bench, calls } = await start({
      handleBatch,
      settings: { onFailure: 'skip', batchSize: 3 },
      count: 3,
    })
    await atFloor(bench, 3)
    assert.deepEqual(calls, ['0.1 1.1 2.1', '0.2', '1.2', '2.2'])
    assert.deepEqual(bench.told, ['retry 0 after 1', 'skipped 1 after 2'])
  })

  it('counts an attempt of all of them, also where one had failed by itself', async () => {
    const handleBatch: HandleBatch = (records, context) => {
      if (records[0]!.attempt > 1) return
      context.fail(records[1]!, new Error('this one'))
      throw new Error('all')
    }
    const { bench, calls } = await start({ handleBatch, count: 3 })
    await atFloor(bench, 3)
    assert.deepEqual(calls, ['0.1 1.1 2.1', '0.2 1.2 2.2'])
  })

  it('is left to the next thread record by record', async () => {
    const retry = { ...NO_WAIT, backoffMs: 60_000, maxBackoffMs: 60_000 }
    const { bench } = await start({ handleBatch: throwing(1), settings: { retry } })
    await eventually(() => bench.messages.length === 1, { intervalMs: 1 })
    await bench.drain()
    const inHand = [0, 1, 2].map(offset => ({ offset, attempts: 1 }))
    assert.deepEqual(bench.memory.remainder, { frontier: 3, inHand })
    bench.memory.setRetry(null)
    const next = await start({ memory: bench.memory, count: 4 })
    await atFloor(next.bench, 4)
    assert.deepEqual(next.calls, ['0.2', '1.2', '2.2', '3.1'])
  })

  it('has failed, too, when its time was over', async () => {
    const handleBatch: HandleBatch = ([record], { signal }) =>
      record!.attempt > 1 ? undefined : new Promise(resolve => signal.addEventListener('abort', resolve))
    const { bench, calls } = await start({ handleBatch, settings: { handlerTimeoutMs: 15 }, count: 3 })
    await atFloor(bench, 3)
    assert.deepEqual(calls, ['0.1 1.1 2.1', '0.2 1.2 2.2'])
    const { code, details } = bench.messages[0]!.error
    assert.deepEqual([code, details?.['offset'], details?.['lastOffset']], ['HANDLER_TIMEOUT', 0, 2])
  })
})
