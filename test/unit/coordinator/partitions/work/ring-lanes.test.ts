import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createWork } from '#src/coordinator/partitions/work/create-work.js'
import type { PartitionWork, PartitionWorkHost } from '#src/coordinator/partitions/work/partition-work.js'
import { lanesOfClaim } from '#src/coordinator/progress/claim-lanes.js'
import { ClaimProgress } from '#src/coordinator/progress/claim-progress.js'
import { normally } from '#src/coordinator/progress/open-claim.js'
import { progressAt, type Progress } from '#src/coordinator/progress/progress.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import { LONGS, SEAT_WAIT_REASONS } from '#src/shared/memory/ring/ring-layout.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { openSeat } from '#src/worker/ring/open-seat.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { SeatMemory } from '#src/worker/ring/seat-memory.js'
import { processDeaths } from '../../../../support/process-deaths.ts'
import { readerOf } from '../../../../support/ring.ts'
import { FEED_LANE, type FeedStart, type LaneId, type SeatStart } from '#src/shared/protocol.js'

const THREADS = 3
/** Longer than it takes until it is looked again who has left. */
const LOOKS_MS = 60
const OWN = { ordering: 'key', hash: 'xxh32', lanes: 2 } as const
const LANE: LaneId = { topic: 't', partition: 0, epoch: 7n, lane: 0 }
const DIED = new GroupError('WORKER_DIED', 'gone')

/** A thread that starts seats and feeds when the test lets it. */
class FakeThread {
  readonly threadId: number
  readonly seats: SeatStart[] = []
  readonly feeds: FeedStart[] = []
  readonly log: string[] = []
  credited = 0
  hasExited = false
  started: Promise<void> = Promise.resolve()
  fed: Promise<void> = Promise.resolve()
  drained: Promise<void> = Promise.resolve()

  constructor(threadId: number) {
    this.threadId = threadId
  }

  get thread(): WorkerThread {
    return this as unknown as WorkerThread
  }

  whenReady(): Promise<void> {
    return Promise.resolve()
  }

  async startSeat(seat: SeatStart): Promise<void> {
    this.seats.push(seat)
    await this.started
  }

  async startFeed(feed: FeedStart): Promise<void> {
    this.feeds.push(feed)
    await this.fed
  }

  async drainLane({ lane }: LaneId): Promise<void> {
    this.log.push(lane === FEED_LANE ? 'drain feed' : 'drain')
    await this.drained
  }

  async setPaused(_: LaneId, paused: boolean): Promise<void> {
    this.log.push(`paused ${paused}`)
  }

  async abortLane(): Promise<void> {
    this.log.push('abort')
  }

  creditHandled(count: number): void {
    this.credited += count
  }
}

describe('the lanes of a ring', () => {
  let threads: FakeThread[]
  let feeders: FakeThread[]
  let log: string[]
  let mayGoOn: boolean
  let isPaused: boolean
  let giveUp: AbortController
  let replacement: Promise<WorkerThread> | null
  let commit: () => Promise<unknown>
  let runAlone: () => Promise<boolean>
  let noLongerAlone: () => void

  beforeEach(() => {
    threads = Array.from({ length: THREADS }, (_, threadId) => new FakeThread(threadId))
    feeders = [new FakeThread(THREADS)]
    log = []
    mayGoOn = true
    isPaused = false
    giveUp = new AbortController()
    replacement = null
    commit = async () => log.push('commit')
    runAlone = async () => true
    noLongerAlone = () => log.push('together')
  })

  function create(stored: Progress = progressAt(100, 'id', normally()), partition = 0): PartitionWork {
    return createWithProgress(stored, partition).work
  }

  function createWithProgress(
    stored: Progress,
    partition = 0,
  ): { work: PartitionWork; progress: ClaimProgress } {
    let turn = Promise.resolve()
    const host: PartitionWorkHost = {
      laneId: { ...LANE, partition },
      generation: 1,
      givenUp: giveUp.signal,
      isPaused: () => isPaused,
      chooseThread: () => threads[0]!.thread,
      replacementOf: () => replacement,
      inTurn: operation => (turn = turn.then(operation)),
      mayGoOn: () => mayGoOn,
      beginMove: () => false,
      runs: where => log.push(where),
      fail: error => log.push(`failed: ${String(error)}`),
      commit: () => commit(),
      runAlone: () => runAlone(),
      noLongerAlone: () => noLongerAlone(),
      lanesAreLevel: () => log.push('level'),
      rings: {
        options: { threads: THREADS, concurrency: 1, ringBytesPerPartition: 0, maxBufferedBytes: 0 },
        grant: () => ({ bytes: 2 ** 20, giveBack: () => log.push('gave memory back') }),
        threads: () => threads.map(({ thread }) => thread),
        feeder: () => feeders.at(-1)!.thread,
      },
    }
    const progress = new ClaimProgress(stored, { attempts: 3, carefulForMs: 100 })
    return { work: createWork(lanesOfClaim(progress.found, OWN, 100), progress, 1, host), progress }
  }

  /** As the threads take them. */
  const takenSeats = (): { memory: RingMemory; seats: SeatMemory[] } => {
    const memory = ringOf(feeders[0]!)
    return { memory, seats: threads.map((_, seat) => new SeatMemory(memory, seat)) }
  }
  const ringOf = ({ feeds }: FakeThread): RingMemory => RingMemory.attach(feeds.at(-1)!.ring)
  /** Another one is there from now on. */
  const feederDies = (): FakeThread => {
    const gone = feeders.at(-1)!
    gone.hasExited = true
    feeders.push(new FakeThread(THREADS))
    return gone
  }
  const starts = (): number[] => threads.map(({ seats }) => seats.length)

  it('are fed by the feeder, and have a seat on every thread', async () => {
    const work = create()
    await work.start()
    const { ring, feedBelow, lane } = feeders[0]!.feeds[0]!
    assert.deepEqual([lane, feedBelow], [FEED_LANE, null])
    assert.deepEqual(
      threads.map(({ seats }) => [seats[0]!.seat, seats[0]!.ring === ring, seats[0]!.careful]),
      [0, 1, 2].map(seat => [seat, true, null]),
    )
    assert.deepEqual([work.thread, work.threads.length], [null, THREADS])
    assert.deepEqual(
      [
        work.isOn(feeders[0]!.thread),
        work.isOn(feeders[0]!.thread, FEED_LANE),
        work.isOn(threads[1]!.thread),
        work.isOn(threads[1]!.thread, LANE.lane + 1),
      ],
      [false, true, true, false],
    )
  })

  it('run as soon as one seat does: another thread may be inside a long handler', async () => {
    threads[0]!.started = new Promise(() => {})
    await create().start()
    assert.ok(log.includes('on thread 1') && !log.includes('on thread 0'))
  })

  it('do not wait for threads that do not hear, when they are given up before one has begun', async () => {
    const work = create()
    for (const thread of threads) thread.started = new Promise(() => {})
    const started = work.start()
    await nextTurn()
    giveUp.abort()
    await started
    await work.drain()
    assert.deepEqual([work.threads.length, log], [0, ['gave memory back']])
  })

  it('are drained seats first, then the feed', async () => {
    const work = create()
    await work.start()
    takenSeats()
    const drained = deferred<undefined>()
    threads[1]!.drained = drained.promise
    const ended = work.drain()
    await nextTurn()
    assert.deepEqual(
      work.threads.map(({ threadId }) => threadId),
      [1],
      'the one that has not let go',
    )
    assert.deepEqual(feeders[0]!.log, [])
    assert.ok(!log.includes('gave memory back'))
    drained.resolve(undefined)
    await ended
    assert.deepEqual([work.threads.length, feeders[0]!.log], [0, ['drain feed']])
    assert.ok(log.includes('gave memory back'))
  })

  it('are left without a thread that hears nothing: nothing of them is in hand there, and none of it can be taken', async () => {
    const work = create()
    await work.start()
    const { memory, seats } = takenSeats()
    seats[1]!.setLoose()
    memory.seats.handled[1] = 4
    threads[1]!.drained = new Promise(() => {})
    new RingWriter(memory).append(readerOf({ offset: 100 }), 0, 0)
    await work.drain()
    assert.deepEqual([work.threads.length, threads[1]!.credited], [0, 4])
    assert.deepEqual(
      threads.map(thread => thread.log),
      threads.map(() => ['drain']),
      'each is told',
    )
    assert.equal(seats[1]!.take(), null)
    await work.abortSignal('test')
    assert.deepEqual(threads[1]!.log, ['drain'], 'nobody waits for what it does not hear')
  })

  it('are left without a thread that has not begun with them yet, and then does not', async () => {
    const work = create()
    const begun = deferred<undefined>()
    threads[1]!.started = begun.promise
    await work.start()
    await work.drain()
    assert.deepEqual([work.threads.length, threads[1]!.log], [0, []])
    const { ring, seat } = threads[1]!.seats[0]!
    assert.equal(openSeat({ ring, seat }), null)
    begun.resolve(undefined)
    await nextTurn()
    assert.deepEqual(
      [threads[1]!.log, log.includes('on thread 1')],
      [['drain'], false],
      'it says so too late',
    )
  })

  it('are not left while something of them is in hand, and then with that finished', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const work = create()
    await work.start()
    const { memory, seats } = takenSeats()
    const [, , seat] = seats
    new RingWriter(memory).append(readerOf({ offset: 100 }), 0, 0)
    const { slot } = seat!.take()!
    seat!.setLoose()
    threads[2]!.drained = new Promise(() => {})
    let hasLeft = false
    const left = work.drain().then(() => (hasLeft = true))
    t.mock.timers.tick(LOOKS_MS)
    await nextTurn()
    assert.deepEqual([hasLeft, work.threads.map(({ threadId }) => threadId)], [false, [2]])
    seat!.finish(slot)
    t.mock.timers.tick(LOOKS_MS)
    await left
    assert.deepEqual(work.worked().inHand, [])
    assert.deepEqual(work.worked().frontiers, [100, 100], 'it was not published')
  })

  it('are not left while their thread has something to do for them: a hook that is told of the end, say', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const work = create()
    await work.start()
    takenSeats()
    const drained = deferred<undefined>()
    threads[0]!.drained = drained.promise
    let hasLeft = false
    const left = work.drain().then(() => (hasLeft = true))
    t.mock.timers.tick(LOOKS_MS)
    await nextTurn()
    assert.equal(hasLeft, false)
    drained.resolve(undefined)
    await left
  })

  it('go on on the thread that takes the place of another, while the other seats do not stop', async () => {
    const work = create()
    await work.start()
    ringOf(feeders[0]!).seats.handled[1] = 5
    const [, gone] = threads
    assert.equal(work.handledOn(gone!.thread), 5)
    gone!.drained = Promise.reject(DIED)
    gone!.drained.catch(() => {})
    const fresh = new FakeThread(1)
    const coming = deferred<WorkerThread>()
    let hasLeft = false
    const moved = work.moveOff(gone!.thread, coming.promise, () => (hasLeft = true))
    await nextTurn()
    assert.deepEqual([hasLeft, gone!.credited, work.isOn(gone!.thread)], [true, 5, false])
    coming.resolve(fresh.thread)
    await moved
    assert.deepEqual([fresh.seats[0]!.seat, work.handledOn(fresh.thread), work.handled], [1, 0, 5])
    assert.deepEqual([threads[0]!.log, threads[2]!.log], [[], []])
  })

  it('take no seat anew once they are given up, or have failed', async () => {
    const work = create()
    await work.start()
    const fresh = new FakeThread(1)
    const moved = work.moveOff(threads[1]!.thread, Promise.resolve(fresh.thread), () => {})
    work.hasFailed()
    mayGoOn = false
    await moved
    await nextTurn()
    assert.deepEqual([fresh.seats.length, work.threads.length, work.read().waitsFor], [0, 0, 'failed'])
    assert.deepEqual(feeders[0]!.log, ['drain feed'])
  })

  it('are filled by another feeder when theirs has died, in the same ring: no seat is touched', async () => {
    const work = create()
    await work.start()
    const ring = ringOf(feeders[0]!)
    ring.longs[LONGS.HEAD_OFFSET] = 130n
    ring.seats.handled[0] = 30
    const gone = feederDies()
    work.putDown(gone.thread)
    await nextTurn()
    assert.equal(ringOf(feeders[1]!).buffer, ring.buffer)
    assert.ok(work.isOn(feeders[1]!.thread, FEED_LANE) && !work.isOn(gone.thread, FEED_LANE))
    assert.deepEqual([work.worked().frontiers, work.handled], [[130, 130], 30])
    assert.deepEqual(
      [starts(), threads.map(thread => thread.log)],
      [
        [1, 1, 1],
        [[], [], []],
      ],
    )
  })

  it('are not handled again that were finished before a feeder that died had published them', async () => {
    const work = create()
    await work.start()
    const memory = ringOf(feeders[0]!)
    new RingWriter(memory).append(readerOf({ offset: 100 }), 0, 0)
    const seat = new SeatMemory(memory, 0)
    seat.finish(seat.take()!.slot)
    work.putDown(feederDies().thread)
    assert.deepEqual(work.worked().frontiers, [101, 101])
    await nextTurn()
    assert.equal(ringOf(feeders[1]!).headOffset, 101, 'where the next one goes on')
  })

  it('that a feeder had not begun with when it died are begun by the next one, paused if they are by then', async () => {
    const { thread } = feeders[0]!
    feeders[0]!.fed = new Promise((_, reject) => {
      setImmediate(() => {
        isPaused = true
        work.putDown(feederDies().thread)
        reject(DIED)
      })
    })
    const work = create()
    await work.start()
    assert.deepEqual([feeders[1]!.feeds[0]!.paused, feeders[1]!.log], [true, []])
    assert.ok(!work.isOn(thread, FEED_LANE))
  })

  it('are filled no more when their feeder dies while they are drained for other lanes', async () => {
    const work = create()
    await work.start()
    const drained = deferred<undefined>()
    threads[1]!.drained = drained.promise
    const ended = work.drain()
    await nextTurn()
    work.putDown(feederDies().thread)
    drained.resolve(undefined)
    await ended
    assert.deepEqual([feeders[1]!.feeds, feeders[1]!.log], [[], []])
  })

  it('are told as they are when their feeder dies as the group stops, and nobody goes on', async () => {
    const work = create()
    await work.start()
    const memory = ringOf(feeders[0]!)
    new RingWriter(memory).append(readerOf({ offset: 100 }), 0, 0)
    const seat = new SeatMemory(memory, 0)
    seat.finish(seat.take()!.slot)
    feeders[0]!.hasExited = true
    await work.drain()
    assert.deepEqual(work.worked().frontiers, [101, 101])
  })

  it('tell the first record that runs: one that waits for its next attempt does not', async () => {
    const work = create()
    await work.start()
    const { memory, seats } = takenSeats()
    const writer = new RingWriter(memory)
    for (const offset of [100, 101, 102]) writer.append(readerOf({ offset }), 0, 0)
    assert.equal(work.oldestRunning, null)
    const [first, second, third] = [seats[0]!.take()!, seats[0]!.take()!, seats[0]!.take()!]
    seats[0]!.setState(third.slot, 'slice', 1)
    assert.equal(work.oldestRunning, third.offset)
    seats[0]!.setState(first.slot, 'retry', 1)
    seats[0]!.setState(second.slot, 'awaited', 1)
    assert.equal(work.oldestRunning, second.offset)
    seats[0]!.finish(second.slot)
    seats[0]!.finish(third.slot)
    assert.equal(work.oldestRunning, null)
  })

  it('have one seat while processes have died of them, and all once that is over', async () => {
    const open = { ...normally('another process'), deaths: processDeaths(1), isAtRest: true }
    const work = create(progressAt(100, 'id', open))
    await work.start()
    assert.deepEqual(starts(), [1, 0, 0])
    assert.notEqual(threads[0]!.seats[0]!.careful, null)
    ringOf(feeders[0]!).seats.waitsFor[0] = SEAT_WAIT_REASONS.indexOf('announce')
    assert.equal(work.read().waitsFor, 'announce', 'as the only seat does')
    assert.equal(
      await work.announce({ from: 100, to: 101, isAlone: false, ranMs: 0, hasSuspects: false }),
      false,
    )
    assert.deepEqual(starts(), [1, 0, 0])
    assert.equal(
      await work.announce({ from: 101, to: 102, isAlone: false, ranMs: 1_000, hasSuspects: false }),
      true,
    )
    await nextTurn()
    assert.deepEqual(starts(), [1, 1, 1])
    assert.equal(threads[1]!.seats[0]!.careful, null)
  })

  it('that fail carefully are at rest only when what runs of them has ended: a process may die of that', async () => {
    const open = { ...normally('another process'), deaths: processDeaths(1), isAtRest: true }
    const { work, progress } = createWithProgress(progressAt(100, 'id', open))
    await work.start()
    const { memory, seats } = takenSeats()
    await work.announce({ from: 100, to: 102, isAlone: false, ranMs: 0, hasSuspects: false })
    for (const offset of [100, 101]) new RingWriter(memory).append(readerOf({ offset }), 0, 0)
    const [failed, runs] = [seats[0]!.take()!, seats[0]!.take()!]
    seats[0]!.setState(failed.slot, 'stopped', 1)
    seats[0]!.setState(runs.slot, 'awaited', 1)
    const drained = deferred<undefined>()
    threads[0]!.drained = drained.promise
    log = []
    work.hasFailed()
    assert.deepEqual([progress.now.open!.isAtRest, log], [false, ['commit']])
    await nextTurn()
    assert.deepEqual([progress.now.open!.isAtRest, log], [false, ['commit']])
    seats[0]!.finish(runs.slot)
    drained.resolve(undefined)
    await nextTurn()
    assert.equal(progress.now.open!.isAtRest, true)
  })

  it('tell in the ring for how long the leave to run alone is theirs', async () => {
    const open = { ...normally('another process'), deaths: processDeaths(2), isAtRest: true }
    const work = create(progressAt(100, 'id', open))
    await work.start()
    const ring = ringOf(feeders[0]!)
    runAlone = async () => {
      assert.equal(ring.isAlone, true, 'before the group tells that one is')
      return true
    }
    noLongerAlone = () => log.push(`over, ${ring.isAlone}`)
    await work.announce({ from: 100, to: 101, isAlone: true, ranMs: 0, hasSuspects: true })
    assert.equal(ring.isAlone, true)
    await work.aloneOver(true)
    assert.deepEqual([ring.isAlone, log.at(-1)], [false, 'over, false'])
  })

  it('have that seat on another thread for the next partition', async () => {
    const open = { ...normally('another process'), deaths: processDeaths(1), isAtRest: true }
    await create(progressAt(100, 'id', open), THREADS + 1).start()
    assert.deepEqual(starts(), [0, 1, 0])
  })

  it('have all seats once no care is needed, also if the one seat leaves its thread before it hears of that', async () => {
    const open = { ...normally('another process'), deaths: processDeaths(1), isAtRest: true }
    const work = create(progressAt(100, 'id', open))
    await work.start()
    const stored = deferred<undefined>()
    commit = () => stored.promise
    const announced = work.announce({ from: 100, to: 101, isAlone: false, ranMs: 1_000, hasSuspects: false })
    const fresh = new FakeThread(0)
    await work.moveOff(threads[0]!.thread, Promise.resolve(fresh.thread), () => {})
    stored.resolve(undefined)
    await assert.rejects(announced, { code: 'NOT_RUNNING' })
    await nextTurn()
    assert.deepEqual(starts(), [1, 1, 1])
    assert.equal(fresh.seats[0]!.careful, null)
  })

  it('are told of pauses and aborts on all threads', async () => {
    const work = create()
    await work.start()
    await work.setPaused(true)
    await work.abortSignal('test')
    assert.deepEqual(
      threads.map(thread => thread.log),
      threads.map(() => ['paused true', 'abort']),
    )
    assert.deepEqual(feeders[0]!.log, ['paused true'])
  })

  it('of a member with others run until they are level, fed up to where the furthest is', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const frontiers = [100, 120, 110]
    const work = create({ ...progressAt(100, 'id', normally()), ordering: 'key', hash: 'xxh32', frontiers })
    await work.start()
    assert.equal(feeders[0]!.feeds[0]!.feedBelow, 120)
    t.mock.timers.tick(100)
    assert.ok(!log.includes('level'))
    ringOf(feeders[0]!).longs[LONGS.HEAD_OFFSET] = 120n
    t.mock.timers.tick(500)
    assert.ok(log.includes('level'))
    await work.drain()
  })
})
