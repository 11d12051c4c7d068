import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { drainPatience } from '#src/coordinator/partitions/drain-patience.js'
import type { RingHost } from '#src/coordinator/partitions/work/ring-host.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import { PartitionSet, type PartitionSetHost } from '#src/coordinator/partitions/partition-set.js'
import type { Claim, GroupStorage } from '#src/coordinator/storage/group-storage.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred } from '#src/shared/deferred.js'
import { silentLogger } from '#src/shared/logger.js'
import type { TopicPartition } from '#src/shared/types.js'

const T0 = { topic: 't', partition: 0 }
const T1 = { topic: 't', partition: 1 }

/** A set over a storage that grants everything and a thread that starts lanes when the test lets it. */
function create(
  laneStarted: Promise<unknown> = Promise.resolve(),
  laneDrained: Promise<unknown> = Promise.resolve(),
): { set: PartitionSet; log: string[] } {
  const log: string[] = []
  const named = (what: string, { topic, partition }: TopicPartition): void =>
    void log.push(`${what} ${topic}/${partition}`)
  const storage = {
    async claim(of: TopicPartition): Promise<Claim> {
      named('claim', of)
      return { ...of, epoch: 1n, committedOffset: 0, progress: null, progressFault: null }
    },
    release: async (claim: Claim) => named('release', claim),
  } as unknown as GroupStorage
  const thread = {
    whenReady: async () => {},
    startLane: () => laneStarted,
    drainLane: () => laneDrained,
    abortLane: async (lane: TopicPartition) => named('abort', lane),
    setPaused: async () => {},
    creditHandled() {},
  } as unknown as WorkerThread
  const host: PartitionSetHost = {
    storage,
    resolveStart: async () => ({ offset: 0, progress: progressAt(0, null), alive: new Set<string>() }),
    placed: () => Promise.resolve(),
    chooseThread: () => thread,
    replacementOf: () => null,
    cut: one => named('cut', one),
    isPaused: () => false,
    generation: () => 0,
    progressRules: { attempts: 3, carefulForMs: 10_000 },
    ownLanes: { ordering: 'partition', hash: null, lanes: 1 },
    maxInHand: 1,
    rings: {} as RingHost,
    runAlone: async () => true,
    isHeld: () => false,
    noLongerAlone() {},
    killerFound() {},
    giveUpReleasing: new AbortController().signal,
    claimed() {},
    released() {},
    notStored() {},
    failed() {},
    claimRefused() {},
    acquireFailed: one => named('failed', one),
  }
  return { set: new PartitionSet(host, 1000, silentLogger), log }
}

describe('the set of owned partitions', () => {
  it('claims each partition once, however often it is named', async () => {
    const { set, log } = create()
    await set.acquire([T0, T1, T0])
    await set.acquire([T1])
    assert.deepEqual(log, ['claim t/0', 'claim t/1'])
    assert.equal(set.all.length, 2)
  })

  it('waits for claims, not for lanes: a thread may be inside of a handler', async () => {
    const started = deferred<undefined>()
    const { set } = create(started.promise)
    await set.acquire([T0])
    assert.equal(set.get(T0)?.state, 'starting')
    started.resolve(undefined)
    await set.releaseAll('test')
  })

  it('claims nothing more once all are given up', async () => {
    const { set, log } = create()
    await set.acquire([T0])
    const released = set.releaseAll('test')
    await set.acquire([T1])
    await released
    assert.deepEqual(log, ['claim t/0', 'release t/0'])
    assert.equal(set.all.length, 0)
  })

  describe('one of which is given up while its handler goes on', () => {
    const TURNS = 20
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve()
    }

    for (const [assignBy, abortAfterMs, cutAfterMs] of [
      ['balanced', 10_000, 12_000],
      ['modulo', 10_000, 12_000],
      ['range', 3_000, 4_000],
    ] as const)
      it(`tells it to give up, then cuts it, in time for the others who divide by ${assignBy}`, async t => {
        const drained = deferred<undefined>()
        const { set, log } = create(Promise.resolve(), drained.promise)
        await set.acquire([T0])
        t.mock.timers.enable({ apis: ['setTimeout'] })
        const one = set.get(T0)!
        const released = set.release(one, { reason: 'test', patience: drainPatience(assignBy) })
        await turns()
        t.mock.timers.tick(abortAfterMs - 1)
        assert.deepEqual(log, ['claim t/0'])
        t.mock.timers.tick(1)
        await turns()
        assert.deepEqual(log, ['claim t/0', 'abort t/0'])
        t.mock.timers.tick(cutAfterMs - abortAfterMs)
        assert.deepEqual(log, ['claim t/0', 'abort t/0', 'cut t/0'])
        drained.resolve(undefined)
        await released
        t.mock.timers.tick(60_000)
        assert.deepEqual(log, ['claim t/0', 'abort t/0', 'cut t/0', 'release t/0'])
      })
  })
})
