import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OwnedPartitionHost } from '#src/coordinator/partitions/owned-partition-host.js'
import { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import type { RingHost } from '#src/coordinator/partitions/work/ring-host.js'
import { normally } from '#src/coordinator/progress/open-claim.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import type { Claim, ClaimAttempt, GroupStorage } from '#src/coordinator/storage/group-storage.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred } from '#src/shared/deferred.js'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import type { LaneStart } from '#src/shared/protocol.js'
import { processDeaths } from '../../../support/process-deaths.ts'

/** A thread that records what it is asked, and drains when the test lets it. */
class FakeThread {
  readonly threadId: number
  readonly calls: string[] = []
  readonly lanes: LaneStart[] = []
  drained: Promise<void> = Promise.resolve()
  ready: Promise<void> = Promise.resolve()
  startError: Error | null = null

  constructor(threadId: number) {
    this.threadId = threadId
  }

  whenReady(): Promise<void> {
    return this.ready
  }

  async startLane(lane: LaneStart): Promise<void> {
    this.calls.push('start')
    if (this.startError !== null) throw this.startError
    this.lanes.push(lane)
  }

  async drainLane(): Promise<void> {
    this.calls.push('drain')
    await this.drained
  }

  async abortLane(): Promise<void> {
    this.calls.push('abort')
  }

  async setPaused(): Promise<void> {}

  creditHandled(): void {}
}

const asThread = (fake: FakeThread): WorkerThread => fake as unknown as WorkerThread

const CLAIM = { topic: 't', partition: 0, epoch: 7n, progress: null, progressFault: null }

describe('an owned partition', () => {
  let thread: FakeThread
  let other: FakeThread
  let log: string[]
  let startError: Error | null
  let startFound: Promise<undefined>
  let claim: (attempt: ClaimAttempt) => Promise<Claim>
  let commit: (offset: number) => Promise<void>
  let release: (offset: number | null) => Promise<void>
  let giveUpReleasing: AbortController
  let replacements: Map<WorkerThread, Promise<WorkerThread>>

  beforeEach(() => {
    thread = new FakeThread(0)
    other = new FakeThread(1)
    log = []
    startError = null
    startFound = Promise.resolve(undefined)
    claim = async () => ({ ...CLAIM, committedOffset: 100 })
    commit = async offset => void log.push(`commit ${offset}`)
    release = async offset => void log.push(`release ${offset ?? 'nothing'}`)
    giveUpReleasing = new AbortController()
    replacements = new Map()
  })

  function create(alive: ReadonlySet<string> = new Set()): OwnedPartition {
    const storage = {
      claim: (_: unknown, attempt: ClaimAttempt) => claim(attempt),
      commit: (_: unknown, offset: number) => commit(offset),
      release: (_: unknown, offset: number | null) => release(offset),
    } as unknown as GroupStorage
    const host: OwnedPartitionHost = {
      storage,
      resolveStart: async one => {
        await startFound
        if (startError !== null) throw startError
        const offset = one.committedOffset ?? 0
        return { offset, progress: one.progress ?? progressAt(offset, 'an-id', normally()), alive }
      },
      placed: () => Promise.resolve(),
      chooseThread: () => asThread(thread),
      replacementOf: of => replacements.get(of) ?? null,
      isPaused: () => false,
      watchRelane: () => ({ stop: () => {} }),
      generation: () => 5,
      progressRules: { attempts: 3, carefulForMs: 10_000 },
      ownLanes: { ordering: 'partition', hash: null, lanes: 1 },
      maxInHand: 1,
      rings: {} as RingHost,
      runAlone: async () => true,
      isHeld: () => false,
      noLongerAlone: () => void log.push('not alone'),
      killerFound: (_, error) => void log.push(`killer ${error.code}`),
      giveUpReleasing: giveUpReleasing.signal,
      notStored: (_, error) => void log.push(`not stored: ${error.code}`),
      claimed: () => void log.push('claimed'),
      refused: (_, holder) => void log.push(`refused by ${holder}`),
      released: (_, reason) => void log.push(`ended: ${reason}`),
      failed: (_, error) => void log.push(`failed ${error.code}`),
    }
    return new OwnedPartition({ topic: 't', partition: 0 }, host)
  }

  const finish = (offset: number): void => LaneMemory.attach(thread.lanes[0]!.memory).advanceFloor(offset)

  it('claims, starts its lane where the committed offset is, and runs', async () => {
    const partition = create()
    await partition.acquire()
    assert.equal(partition.state, 'running')
    assert.equal(LaneMemory.attach(thread.lanes[0]!.memory).floor, 100)
    assert.equal(thread.lanes[0]!.epoch, 7n)
  })

  it('commits only what changed', async () => {
    const partition = create()
    await partition.acquire()
    assert.equal(await partition.commit(), null)
    finish(105)
    assert.equal(await partition.commit(), 105)
    assert.equal(await partition.commit(), null)
    assert.deepEqual(log, ['claimed', 'commit 105'])
  })

  it('answers a commit with what was stored for announcements since the one before, too', async () => {
    const open = { ...normally('another process'), deaths: processDeaths(1), isAtRest: true }
    claim = async () => ({ ...CLAIM, committedOffset: 100, progress: progressAt(100, 'an-id', open) })
    const partition = create()
    await partition.acquire()
    const announcement = { to: 110, isAlone: false, ranMs: 0, hasSuspects: false }
    for (const from of [103, 105]) {
      finish(from)
      await partition.announce({ ...announcement, from })
    }
    assert.deepEqual(log, ['claimed', 'not alone', 'commit 103', 'commit 105'])
    assert.equal(await partition.commit(), 105)
    assert.equal(await partition.commit(), null)
    assert.equal(log.length, 4)
  })

  it('never lets an older commit land after a newer one', async () => {
    const partition = create()
    await partition.acquire()
    const slow = deferred<undefined>()
    const landed: number[] = []
    commit = async offset => {
      if (landed.length === 0) await slow.promise
      landed.push(offset)
    }
    finish(105)
    const first = partition.commit()
    await Promise.resolve()
    finish(110)
    const second = partition.commit()
    slow.resolve(undefined)
    await Promise.all([first, second])
    assert.deepEqual(
      landed,
      landed.toSorted((a, b) => a - b),
    )
    assert.equal(partition.committed, 110)
  })

  it('drains before it releases, with everything finished by then', async () => {
    const partition = create()
    await partition.acquire()
    const drained = deferred<undefined>()
    thread.drained = drained.promise
    const released = partition.release('test')
    await Promise.resolve()
    finish(120)
    assert.equal(log.includes('release 120'), false)
    drained.resolve(undefined)
    await released
    assert.deepEqual(log, ['claimed', 'release 120', 'ended: test'])
    assert.equal(partition.state, 'released')
  })

  it('hands the same memory to the next thread only after the first one has drained', async () => {
    const partition = create()
    await partition.acquire()
    const drained = deferred<undefined>()
    thread.drained = drained.promise
    const moved = partition.moveTo(asThread(other))
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(other.calls, [])
    assert.equal(partition.state, 'moving')
    finish(130)
    drained.resolve(undefined)
    await moved
    assert.equal(other.lanes[0]!.memory, thread.lanes[0]!.memory)
    assert.equal(LaneMemory.attach(other.lanes[0]!.memory).floor, 130)
    assert.equal(partition.thread, asThread(other))
  })

  it('starts the lane nowhere else when it was given up while it drained for a move', async () => {
    const partition = create()
    await partition.acquire()
    const drained = deferred<undefined>()
    thread.drained = drained.promise
    const moved = partition.moveTo(asThread(other))
    const released = partition.release('test')
    drained.resolve(undefined)
    await Promise.all([moved, released])
    assert.deepEqual(other.calls, [])
    assert.equal(partition.state, 'released')
  })

  it('starts the lane nowhere else when it failed while it drained for a move', async () => {
    const partition = create()
    await partition.acquire()
    const drained = deferred<undefined>()
    thread.drained = drained.promise
    const moved = partition.moveTo(asThread(other))
    await nextTurn()
    partition.fail(new GroupError('HANDLER_FAILED', 'the record in hand'))
    drained.resolve(undefined)
    await moved
    assert.deepEqual(other.calls, [])
    assert.equal(partition.state, 'failed')
  })

  it('starts no lane when it was abandoned while it was claimed or its start was looked up', async () => {
    const claimed = deferred<Claim>()
    claim = () => claimed.promise
    const first = create()
    const acquired = first.acquire()
    const abandoned = first.abandon('the session expired')
    claimed.resolve({ ...CLAIM, committedOffset: null })
    await Promise.all([acquired, abandoned])
    const found = deferred<undefined>()
    startFound = found.promise
    const second = create()
    const acquiredToo = second.acquire()
    await nextTurn()
    const abandonedToo = second.abandon('the session expired')
    found.resolve(undefined)
    await Promise.all([acquiredToo, abandonedToo])
    assert.deepEqual([first.state, second.state], ['lost', 'lost'])
    assert.deepEqual(thread.calls, [])
  })

  it('tells its lane the generation of its claim', async () => {
    await create().acquire()
    assert.equal(thread.lanes[0]!.generation, 5)
  })

  it('is given up without an offset where the storage refuses to store it, and that is told', async () => {
    for (const finished of [100, 140]) {
      log = []
      const partition = create()
      await partition.acquire()
      finish(finished)
      release = async offset => {
        log.push(`release ${offset ?? 'nothing'}`)
        if (offset !== null) throw new GroupError('ZOOKEEPER_REFUSED', 'NO_AUTH')
      }
      await assert.rejects(partition.release('test'), error => isGroupError(error, 'ZOOKEEPER_REFUSED'))
      assert.deepEqual(log, [
        'claimed',
        `release ${finished}`,
        'release nothing',
        'ended: NO_AUTH',
        'not stored: ZOOKEEPER_REFUSED',
      ])
      thread.lanes.length = 0
    }
  })

  it('tries a release on while the storage is away, so that what was finished is stored', async () => {
    const partition = create()
    await partition.acquire()
    finish(140)
    const refusals = ['ZOOKEEPER_DISCONNECTED', 'LEASE_OVER'] as const
    let tries = 0
    release = async offset => {
      const refusal = refusals[tries++]
      if (refusal !== undefined) throw new GroupError(refusal, 'away')
      log.push(`release ${offset}`)
    }
    await partition.release('test')
    assert.deepEqual(log, ['claimed', 'release 140', 'ended: test'])
  })

  it('tells what could not be stored when the claim is void, or the time for stopping is over', async () => {
    for (const code of ['CLAIM_LOST', 'ZOOKEEPER_DISCONNECTED'] as const) {
      log.length = thread.lanes.length = 0
      if (code === 'ZOOKEEPER_DISCONNECTED') giveUpReleasing.abort()
      const partition = create()
      await partition.acquire()
      finish(140)
      release = () => Promise.reject(new GroupError(code, 'gone'))
      await assert.rejects(partition.release('test'), error => isGroupError(error, code))
      assert.deepEqual(log, ['claimed', 'ended: gone', `not stored: ${code}`])
      assert.equal(partition.state, 'lost')
    }
  })

  it('keeps its claim when its lane fails, and reports once', async () => {
    const partition = create()
    await partition.acquire()
    const error = new GroupError('HANDLER_FAILED', 'broke')
    partition.fail(error)
    partition.fail(error)
    assert.deepEqual(log, ['claimed', 'failed HANDLER_FAILED'])
    assert.equal(partition.state, 'failed')
    await partition.release('test')
    assert.equal(log.at(-2), 'release 100')
  })

  it('fails when the lane cannot be started', async () => {
    thread.startError = new GroupError('HANDLER_HOOK_FAILED', 'claimed() threw')
    const partition = create()
    await partition.acquire()
    assert.equal(partition.state, 'failed')
    assert.equal(partition.failure?.code, 'HANDLER_HOOK_FAILED')
  })

  it('gives the claim back and rejects when its start fails for a passing reason, so that it is tried again', async () => {
    const partition = create()
    const passing = new GroupError('BROKER_DISCONNECTED', 'for now')
    startError = passing
    await assert.rejects(partition.acquire(), passing)
    assert.deepEqual(log, ['release nothing'])
    assert.equal(partition.isUnwanted, false)
  })

  it('aborts and drains a void claim without committing or releasing anything', async () => {
    const partition = create()
    await partition.acquire()
    finish(150)
    await partition.abandon('the session expired')
    assert.deepEqual(thread.calls, ['start', 'abort', 'drain'])
    assert.deepEqual(log, ['claimed', 'ended: the session expired'])
    assert.equal(partition.state, 'lost')
    assert.equal(await partition.commit(), null)
  })

  it('is released at once when it is given up while its start is looked up, which may take as long as brokers take', async () => {
    startFound = new Promise(() => {})
    const partition = create()
    const acquired = partition.acquire()
    await nextTurn()
    await Promise.all([acquired, partition.release('another member is to own it')])
    assert.deepEqual([partition.state, log], ['released', ['release nothing']])
  })

  it('is released at once when it is given up while its thread loads the handler, which may take long', async () => {
    thread.ready = new Promise(() => {})
    const partition = create()
    const acquired = partition.acquire()
    await nextTurn()
    assert.equal(partition.thread, asThread(thread), 'others are placed with that in mind')
    await Promise.all([acquired, partition.release('another member is to own it')])
    assert.deepEqual(thread.calls, [])
    assert.ok(log.includes('release 100') && !log.some(line => line.startsWith('failed')), log.join())
  })

  it('stops asking for a claim that is no longer wanted', async () => {
    claim = attempt =>
      new Promise((_, reject) => {
        attempt.onRefused('somebody')
        attempt.signal.addEventListener('abort', () => reject(attempt.signal.reason as Error))
      })
    const partition = create()
    const acquired = partition.acquire()
    await Promise.resolve()
    await Promise.all([
      partition.release('the member stops'),
      assert.rejects(acquired, error => isGroupError(error, 'NOT_RUNNING')),
    ])
    assert.equal(partition.state, 'released')
    assert.deepEqual(log, ['refused by somebody'])
  })

  it('never stores more than is finished, whatever it is told to go on at', async () => {
    for (const [nextOffset, stored] of [
      [900, 160],
      [120, 120],
    ] as const) {
      log.length = thread.lanes.length = 0
      const partition = create()
      await partition.acquire()
      finish(160)
      await partition.release('test', nextOffset)
      assert.ok(log.includes(`release ${stored}`), log.join())
    }
  })

  it('counts a dead thread as drained', async () => {
    const partition = create()
    await partition.acquire()
    thread.drainLane = async () => {
      throw new GroupError('WORKER_DIED', 'gone')
    }
    finish(160)
    await partition.release('test')
    assert.ok(log.includes('release 160'))
  })

  describe('whose thread is ended on purpose', () => {
    const died = new GroupError('WORKER_DIED', 'gone')

    it('drains there, says so, and goes on from the same memory on the one that takes its place', async () => {
      const partition = create()
      await partition.acquire()
      const replacement = deferred<WorkerThread>()
      const left = deferred<undefined>()
      const moved = partition.moveOff(asThread(thread), replacement.promise, () => left.resolve(undefined))
      await left.promise
      assert.equal(partition.thread, null)
      finish(130)
      replacement.resolve(asThread(other))
      await moved
      assert.equal(partition.state, 'running')
      assert.equal(LaneMemory.attach(other.lanes[0]!.memory).floor, 130)
    })

    it('goes on elsewhere when the thread was gone before it had drained', async () => {
      const partition = create()
      await partition.acquire()
      thread.drainLane = () => Promise.reject(died)
      await partition.moveOff(asThread(thread), Promise.resolve(asThread(other)), () => {})
      assert.equal(partition.thread, asThread(other))
    })

    it('starts on the one that takes its place when the thread ended before its lane had started', async () => {
      thread.startError = died
      replacements.set(asThread(thread), Promise.resolve(asThread(other)))
      const partition = create()
      await partition.acquire()
      assert.equal(partition.state, 'running')
      assert.equal(partition.thread, asThread(other))
    })

    it('is not alone any more when the thread ended, though the answer to its start came too late to be heard', async () => {
      const open = { ...normally('another process'), deaths: processDeaths(1), isAtRest: true }
      claim = async () => ({ ...CLAIM, committedOffset: 100, progress: progressAt(100, 'an-id', open) })
      replacements.set(asThread(thread), Promise.resolve(asThread(other)))
      const partition = create()
      thread.startLane = async () => {
        await partition.announce({ from: 100, to: 101, isAlone: true, ranMs: 0, hasSuspects: false })
        log.push('alone')
        throw died
      }
      await partition.acquire()
      assert.equal(partition.thread, asThread(other))
      assert.ok(log.lastIndexOf('not alone') > log.indexOf('alone'), log.join())
    })

    it('is released without another start when it was given up meanwhile', async () => {
      const partition = create()
      await partition.acquire()
      const replacement = deferred<WorkerThread>()
      const moved = partition.moveOff(asThread(thread), replacement.promise, () => {})
      const released = partition.release('another member is to own it')
      replacement.resolve(asThread(other))
      await Promise.all([moved, released])
      assert.deepEqual(other.calls, [])
      assert.ok(log.includes('release 100'))
    })

    it('is released at once when it is given up while the new thread starts, which its setup may draw out', async () => {
      const partition = create()
      await partition.acquire()
      const moved = partition.moveOff(asThread(thread), new Promise(() => {}), () => {})
      await nextTurn()
      await Promise.all([moved, partition.release('the member stops')])
      assert.ok(log.includes('release 100') && !log.some(line => line.startsWith('failed')))
    })

    it('fails when nothing takes its place', async () => {
      const partition = create()
      await partition.acquire()
      const refused = Promise.reject(new GroupError('HANDLER_SETUP_FAILED', 'no'))
      refused.catch(() => {})
      await partition.moveOff(asThread(thread), refused, () => {})
      assert.equal(partition.state, 'failed')
      assert.ok(log.includes('failed HANDLER_SETUP_FAILED'))
    })
  })
})
