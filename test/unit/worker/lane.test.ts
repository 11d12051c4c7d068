import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import type { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import type { LaneInbox } from '#src/worker/feed/lane-inbox.js'
import { LaneContext } from '#src/worker/handler/contexts.js'
import { Lane } from '#src/worker/lane.js'
import { RecordLoop } from '#src/worker/record-loop.js'
import { eventually } from '../../support/eventually.ts'
import { NO_WAIT, ONE_BY_ONE } from '../../support/lane-bench.ts'
import { encodeBatch } from '../../support/record-batches.ts'

const LONG_MS = 60_000

/** One lane of a thread whose handler settles when the test says so. */
class Bench {
  readonly group = new GroupMemory()
  readonly memory = LaneMemory.create(0)
  readonly worker = new WorkerMemory()
  readonly loop = new RecordLoop(this.group, this.worker)
  readonly failures: GroupError[] = []
  readonly lane: Lane
  #inHand: Deferred<void> | null = null
  #inbox: LaneInbox | null = null

  constructor() {
    this.group.renewLease({ monoMs: monotonicMs() + LONG_MS, wallMs: wallMs() + LONG_MS })
    const thread = { groupId: 'g', memberId: 'm', threadId: 0, logger: silentLogger, state: undefined }
    const start = {
      topic: 't',
      partition: 0,
      epoch: 1n,
      lane: 0,
      memory: this.memory.buffer,
      generation: 0,
      paused: false,
      lastFailure: null,
      suspectForMs: 0,
      careful: null,
    }
    this.lane = new Lane(start, new LaneContext(thread, 1n), {
      group: this.group,
      handler: { handle: () => (this.#inHand = deferred()).promise, decode: 'buffer' },
      settings: { ...ONE_BY_ONE, retry: { ...NO_WAIT, attempts: 1 } },
      maxBatchBytes: 2 ** 20,
      readCommitted: true,
      attach: inbox => (this.#inbox = inbox),
      detach: () => {},
      fetchChanged: () => {},
      hasRoom: () => true,
      awaits: () => {},
      recordFailed: () => {},
      usedUp: () => {},
      deadLetter: () => Promise.reject(new Error('no dead letters')),
      announce: () => Promise.reject(new Error('nothing is to be announced')),
      aloneOver: () => {},
      dropped: () => {},
      wake: () => this.loop.wake(),
      settled: lane => this.loop.settled(lane),
      failed: (_lane, error) => this.failures.push(error),
      troubled: () => {},
    })
    this.loop.add(this.lane)
  }

  /** Two records were fetched, and the handler has the first. */
  async withOneInHand(): Promise<this> {
    await this.lane.start()
    const records = encodeBatch({ records: [{ offset: 0 }, { offset: 1 }] })
    this.#inbox!.accept({ records, fetchOffset: 0, aborted: [], endOffset: 2, wholeBytes: 0 })
    await eventually(() => this.lane.awaitingSinceMs !== null, { intervalMs: 1 })
    assert.equal(this.worker.read().running, true)
    return this
  }

  /** The handler has nothing to wait for any more; everything that follows from it has happened. */
  async settle(error?: Error): Promise<void> {
    if (error === undefined) this.#inHand!.resolve()
    else this.#inHand!.reject(error)
    await nextTurn()
    await nextTurn()
  }
}

describe('a thread whose last async record has settled runs nothing, as its memory shows', () => {
  const benches: Bench[] = []
  afterEach(() => benches.splice(0).forEach(({ loop }) => loop.stop()))

  function newBench(): Promise<Bench> {
    const bench = new Bench()
    benches.push(bench)
    return bench.withOneInHand()
  }

  it('when the lane is being drained', async () => {
    const bench = await newBench()
    const drained = bench.lane.drain()
    assert.equal(bench.worker.read().running, true)
    await bench.settle()
    await drained
    assert.equal(bench.worker.read().running, false)
    assert.equal(bench.memory.floor, 1)
  })

  it('when the lane has failed by it', async () => {
    const bench = await newBench()
    await bench.settle(new Error('no'))
    assert.deepEqual(
      bench.failures.map(({ code }) => code),
      ['HANDLER_FAILED'],
    )
    assert.equal(bench.worker.read().running, false)
    assert.equal(bench.memory.floor, 0)
  })

  it('when the lane was paused, and runs again when it goes on', async () => {
    const bench = await newBench()
    bench.lane.setPaused(true)
    await bench.settle()
    assert.equal(bench.worker.read().running, false)
    assert.equal(bench.memory.floor, 1)
    bench.lane.setPaused(false)
    await eventually(() => bench.lane.awaitingSinceMs !== null, { intervalMs: 1 })
    assert.equal(bench.worker.read().running, true)
  })

  it('when the lane was aborted', async () => {
    const bench = await newBench()
    bench.lane.abort('the claim is gone')
    await bench.settle()
    assert.equal(bench.worker.read().running, false)
    assert.equal(bench.memory.floor, 1)
  })

  it('but goes on with the next record when nothing prevents it', async () => {
    const bench = await newBench()
    await bench.settle()
    assert.equal(bench.worker.read().running, true)
    assert.equal(bench.memory.floor, 1)
  })
})
