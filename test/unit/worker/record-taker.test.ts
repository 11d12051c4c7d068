import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { HandlerContext } from '#src/handler.js'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { RecordCursor } from '#src/worker/decode/record-cursor.js'
import { LaneInbox } from '#src/worker/feed/lane-inbox.js'
import { LaneContext } from '#src/worker/handler/contexts.js'
import type { LoadedHandler } from '#src/worker/handler/handler-exports.js'
import { Taking } from '#src/worker/taking.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupError } from '#src/shared/errors.js'
import { NO_WAIT, ONE_BY_ONE } from '../../support/lane-bench.ts'
import { encodeBatch, encodeMarker } from '../../support/record-batches.ts'

const LIMITS = { maxBatchBytes: 2 ** 20, readCommitted: true }
const LONG_MS = 60_000

class Bench {
  readonly group = new GroupMemory()
  readonly memory = LaneMemory.create(0)
  readonly heard: string[] = []
  readonly handled: number[] = []
  readonly inbox: LaneInbox
  readonly taker: Taking
  /** Told the offset; what it returns or throws is the handler's. */
  handler: (offset: number, context: HandlerContext) => unknown = () => {}

  constructor({ attempts } = { attempts: 1 }) {
    this.renewLease()
    const lane = { topic: 't', partition: 0, epoch: 1n, lane: 0 }
    const listener = { arrived() {}, changed() {}, sawEnd() {}, dropped() {} }
    this.inbox = new LaneInbox({ lane, position: 0, maxBatchBytes: LIMITS.maxBatchBytes, listener })
    const thread = { groupId: 'g', memberId: 'm', threadId: 0, logger: silentLogger, state: undefined }
    const handler: LoadedHandler = {
      decode: 'string',
      handle: (record, context) => {
        this.handled.push(Number(record.offset))
        return this.handler(Number(record.offset), context)
      },
    }
    this.taker = new Taking({
      lane,
      handler,
      settings: {
        ...ONE_BY_ONE,
        retry: { ...NO_WAIT, attempts },
        onFailure: attempts === 1 ? ONE_BY_ONE.onFailure : 'skip',
      },
      context: new LaneContext(thread, 1n),
      group: this.group,
      generation: this.group.generation,
      memory: this.memory,
      inbox: this.inbox,
      cursor: new RecordCursor(LIMITS),
      lastFailure: null,
      careful: null,
      hasRoom: () => true,
      listener: {
        settled: () => this.heard.push('settled'),
        failed: ({ details, cause }) =>
          this.heard.push(`failed ${String(details['offset'])} ${String(cause)}`),
        feedFailed: thrown => this.heard.push(`feed ${String(thrown)}`),
        recordFailed: ({ outcome }) => this.heard.push(outcome),
        usedUp: () => {},
        deadLetter: () => Promise.reject(new Error('no dead letters')),
        announce: () => Promise.reject(new Error('nothing is to be announced')),
        aloneOver: () => {},
        troubled: error => this.heard.push(`troubled ${error.message}`),
        waitChanged: () => {},
      },
    })
  }

  renewLease(durationMs = LONG_MS): void {
    this.group.renewLease({ monoMs: monotonicMs() + durationMs, wallMs: wallMs() + durationMs })
  }

  fetched(offsets: readonly number[], more: { lastOffset?: number } = {}): void {
    const records = offsets.map(offset => ({ offset, value: Buffer.from(`value ${offset}`) }))
    this.inbox.accept({
      records: encodeBatch({ records, ...more }),
      fetchOffset: this.inbox.position,
      aborted: [],
      endOffset: 1_000_000,
      wholeBytes: 0,
    })
  }

  take(forMs = LONG_MS): ReturnType<Taking['take']> {
    return this.taker.take(monotonicMs() + forMs)
  }
}

describe('taking records with a sync handler', () => {
  it('finishes each before the next one starts, as the floor shows', () => {
    const bench = new Bench()
    const floors: number[] = []
    bench.handler = () => floors.push(bench.memory.floor)
    bench.fetched([0, 1, 2])
    assert.equal(bench.take(), 'empty')
    assert.deepEqual(bench.handled, [0, 1, 2])
    assert.deepEqual(floors, [0, 1, 2])
    assert.equal(bench.memory.floor, 3)
    assert.equal(bench.memory.handled, 3)
    assert.equal(bench.memory.inHand, 'nothing')
  })

  it('gives each attempt a signal of its own: sync, async, or failed', async () => {
    const bench = new Bench({ attempts: 2 })
    const signals: AbortSignal[] = []
    bench.handler = (offset, { signal }) => {
      signals.push(signal)
      if (signals.length === 3 || signals.length === 4) throw new Error('no')
      return offset === 0 ? undefined : Promise.resolve()
    }
    bench.fetched([0, 1, 2, 3])
    while (signals.length < 5) {
      bench.take()
      await nextTurn()
    }
    assert.deepEqual(bench.handled, [0, 1, 2, 2, 3])
    assert.equal(new Set(signals).size, 5)
  })

  it('ends at the end of the partition, behind records that are compacted away, hidden or control', () => {
    const bench = new Bench()
    bench.fetched([0, 1], { lastOffset: 9 })
    const hidden = encodeBatch({ records: [{ offset: 10 }, { offset: 11 }], transactionOf: 7n })
    const marker = encodeMarker(12, 7n, 'abort')
    bench.inbox.accept({
      records: Buffer.concat([hidden, marker]),
      fetchOffset: 10,
      aborted: [{ producerId: 7n, firstOffset: 10 }],
      endOffset: 1_000_000,
      wholeBytes: 0,
    })
    assert.equal(bench.take(), 'empty')
    assert.deepEqual(bench.handled, [0, 1])
    assert.equal(bench.memory.floor, 13)
  })

  it('skips what was handled before, when its batch had to be fetched again', () => {
    const bench = new Bench()
    const batch = encodeBatch({ records: [0, 1, 2, 3].map(offset => ({ offset })) })
    bench.inbox.accept({ records: batch, fetchOffset: 2, aborted: [], endOffset: 1_000_000, wholeBytes: 0 })
    assert.equal(bench.take(), 'empty')
    assert.deepEqual(bench.handled, [2, 3])
  })

  it('returns when its time is up, and goes on where it was', () => {
    const bench = new Bench()
    bench.fetched([0, 1, 2])
    bench.handler = () => burn(2)
    assert.equal(bench.take(1), 'more')
    assert.deepEqual(bench.handled, [0])
    assert.equal(bench.take(), 'empty')
    assert.deepEqual(bench.handled, [0, 1, 2])
  })

  it('stops at the record whose handler throws, with the floor at it', () => {
    const bench = new Bench()
    bench.fetched([0, 1, 2])
    bench.handler = offset => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- users may
      if (offset === 1) throw 'no error object'
    }
    assert.equal(bench.take(), 'failed')
    assert.deepEqual(bench.heard, ['failed 1 no error object'])
    assert.equal(bench.memory.floor, 1)
    assert.equal(bench.memory.handled, 1)
  })

  it('meets what the fetch met, after everything before it', () => {
    const bench = new Bench()
    bench.fetched([0, 1])
    bench.inbox.fail(new GroupError('FETCH_REFUSED', 'refused'))
    assert.equal(bench.take(), 'failed')
    assert.deepEqual(bench.handled, [0, 1])
    assert.deepEqual(bench.heard, ['feed GroupError: refused'])
    assert.equal(bench.memory.floor, 2)
  })

  it('handles what is good before a damaged batch, and nothing behind it', () => {
    const bench = new Bench()
    const damaged = encodeBatch({ records: [{ offset: 2, value: Buffer.from('x') }] })
    damaged[damaged.length - 2]! ^= 1
    const good = encodeBatch({ records: [{ offset: 0 }, { offset: 1 }] })
    const behind = encodeBatch({ records: [{ offset: 3 }] })
    bench.inbox.accept({
      records: Buffer.concat([good, damaged, behind]),
      fetchOffset: 0,
      aborted: [],
      endOffset: 1_000_000,
      wholeBytes: 0,
    })
    assert.equal(bench.take(), 'failed')
    assert.deepEqual(bench.handled, [0, 1])
    assert.equal(bench.memory.floor, 2)
    assert.match(bench.heard[0]!, /damaged: its CRC/)
  })

  it('jumps over what is gone from the log', () => {
    const bench = new Bench()
    bench.fetched([0])
    bench.inbox.askWhenEmpty(() => bench.inbox.jumpTo(100))
    assert.equal(bench.take(), 'empty')
    bench.fetched([100])
    assert.equal(bench.take(), 'empty')
    assert.deepEqual(bench.handled, [0, 100])
    assert.equal(bench.memory.floor, 101)
  })

  it('keeps the bytes of a chunk on the account until the last record of it is finished', () => {
    const bench = new Bench()
    bench.fetched([0, 1])
    const bytes = bench.inbox.bufferedBytes
    bench.handler = () => {
      assert.equal(bench.inbox.bufferedBytes, bytes)
    }
    assert.equal(bench.take(), 'empty')
    assert.equal(bench.inbox.bufferedBytes, 0)
  })
})

describe('taking records with an async handler', () => {
  it('starts the next one only when the promise is done', async () => {
    const bench = new Bench()
    let resolve = (): void => {}
    bench.fetched([0, 1])
    bench.handler = () => new Promise<void>(done => (resolve = done))
    assert.equal(bench.take(), 'awaiting')
    assert.deepEqual(bench.handled, [0])
    assert.equal(bench.memory.inHand, 'awaited')
    assert.ok(bench.taker.awaitingSinceMs! <= monotonicMs())
    resolve()
    await nextTurn()
    assert.deepEqual(bench.heard, ['settled'])
    assert.equal(bench.memory.floor, 1)
    assert.equal(bench.memory.inHand, 'nothing')
    assert.equal(bench.take(), 'awaiting')
    assert.deepEqual(bench.handled, [0, 1])
  })

  it('stops at the record whose promise rejects', async () => {
    const bench = new Bench()
    bench.fetched([0, 1])
    bench.handler = () => Promise.reject(new Error('later'))
    assert.equal(bench.take(), 'awaiting')
    await nextTurn()
    assert.deepEqual(bench.heard, ['failed 0 Error: later', 'settled'])
    assert.equal(bench.memory.floor, 0)
  })

  it('finishes a record once, also when the promise calls back twice, or never', async () => {
    const bench = new Bench()
    bench.fetched([0, 1, 2])
    const twice = (done: () => void): void => {
      done()
      done()
    }
    const results = [
      Object.assign(Promise.resolve(), { then: twice }),
      { then: twice },
      Object.assign(Promise.resolve(), { then: () => {} }),
    ]
    bench.handler = offset => results[offset]
    for (const offset of results.keys()) {
      assert.equal(bench.take(), 'awaiting')
      await nextTurn()
      assert.equal(bench.memory.floor, offset + 1)
      assert.equal(bench.memory.handled, offset + 1)
    }
    assert.deepEqual(bench.heard, ['settled', 'settled', 'settled'])
  })

  it('waits for a promise of a class of its own as that class wants', async () => {
    class Patient<T> extends Promise<T> {}
    const bench = new Bench()
    bench.fetched([0, 1])
    bench.handler = offset => (offset === 0 ? Patient.resolve() : Patient.reject(new Error('later')))
    assert.equal(bench.take(), 'awaiting')
    await nextTurn()
    assert.equal(bench.take(), 'awaiting')
    await nextTurn()
    assert.deepEqual(bench.heard, ['settled', 'failed 1 Error: later', 'settled'])
  })

  it('has none in hand when the promise cannot be waited for', () => {
    const bench = new Bench()
    bench.fetched([0])
    bench.handler = () =>
      Object.defineProperty(Promise.resolve(), 'constructor', {
        get() {
          throw new Error('trap')
        },
      })
    assert.equal(bench.take(), 'failed')
    assert.deepEqual(bench.heard, ['failed 0 Error: trap'])
    assert.equal(bench.taker.awaitingSinceMs, null)
    assert.equal(bench.memory.inHand, 'nothing')
    assert.equal(bench.memory.floor, 0)
  })

  it('awaits whatever has a then, and survives one that throws', async () => {
    const bench = new Bench()
    bench.fetched([0, 1])
    const thenables = [
      { then: (done: () => void) => done() },
      {
        get then(): never {
          throw new Error('trap')
        },
      },
    ]
    bench.handler = offset => thenables[offset]
    assert.equal(bench.take(), 'awaiting')
    await nextTurn()
    assert.equal(bench.memory.floor, 1)
    assert.equal(bench.take(), 'failed')
    assert.equal(bench.heard.at(-1), 'failed 1 Error: trap')
  })
})

describe('the lease of a lane', () => {
  it('is looked at before the first record', () => {
    const bench = new Bench()
    bench.fetched([0, 1])
    bench.renewLease(-1)
    assert.equal(bench.take(), 'held')
    assert.deepEqual(bench.handled, [])
    bench.renewLease()
    assert.equal(bench.take(), 'empty')
    assert.deepEqual(bench.handled, [0, 1])
  })

  it('ends the taking within a record when the coordinator says so', () => {
    const bench = new Bench()
    bench.fetched([0, 1, 2, 3])
    bench.handler = offset => {
      if (offset === 1) bench.group.endLease()
    }
    assert.equal(bench.take(), 'held')
    assert.deepEqual(bench.handled, [0, 1])
    assert.equal(bench.memory.floor, 2)
  })

  it('ends it by the clock alone, before the next slow record', () => {
    const bench = new Bench()
    bench.fetched([0, 1, 2, 3, 4, 5])
    bench.renewLease(20)
    bench.handler = () => burn(8)
    assert.equal(bench.take(), 'held')
    assert.ok(bench.handled.length <= 3, `${bench.handled.length} started`)
  })

  it('lets fast records run on for no more than a stride after a freeze', () => {
    const bench = new Bench()
    const offsets = Array.from({ length: 1000 }, (_, offset) => offset)
    bench.fetched(offsets)
    bench.renewLease(50)
    let startedAfter = 0
    bench.handler = offset => {
      if (offset === 500) burn(60) // stands for the freeze: the record in hand is the only one that may outlast the lease
      if (offset > 500) startedAfter += 1
    }
    assert.equal(bench.take(), 'held')
    assert.ok(startedAfter <= 16, `${startedAfter} started`)
  })

  it('ends with a stop of the group, too', () => {
    const bench = new Bench()
    bench.fetched([0, 1])
    bench.group.requestStop()
    assert.equal(bench.take(), 'held')
    assert.deepEqual(bench.handled, [])
  })

  it('is looked at again behind a batch that may have taken long to decompress', () => {
    const bench = new Bench()
    const offsets = Array.from({ length: 100 }, (_, offset) => offset)
    bench.fetched(offsets)
    bench.fetched([100])
    bench.renewLease(50)
    bench.handler = offset => {
      if (offset === 99) burn(60) // in the middle of a stride: only the new batch makes the clock be read
    }
    assert.equal(bench.take(), 'held')
    assert.equal(bench.handled.at(-1), 99)
  })
})

function burn(ms: number): void {
  for (const end = monotonicMs() + ms; monotonicMs() < end;);
}
