import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CarefulLane, type CarefulLaneHost } from '#src/coordinator/partitions/work/careful-lane.js'
import { ClaimProgress } from '#src/coordinator/progress/claim-progress.js'
import { normally } from '#src/coordinator/progress/open-claim.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import { eventually } from '../../../../support/eventually.ts'
import { rejection } from '../../../../support/group-error.ts'
import { processDeaths } from '../../../../support/process-deaths.ts'

const RULES = { attempts: 3, carefulForMs: 1_000 }

function create() {
  const open = { ...normally(), deaths: processDeaths(1), isAtRest: true }
  const progress = new ClaimProgress(progressAt(100, 'id', open), RULES)
  const giveUp = new AbortController()
  const log: string[] = []
  const host = {
    commit: async (): Promise<void> => {
      const { deaths, window, isAtRest } = progress.now.open!
      log.push(
        `commit ${deaths.length} ${isAtRest ? 'at rest' : window && `${window.from}-${window.to} ${window.isAlone}`}`,
      )
    },
    runAlone: async (): Promise<boolean> => {
      log.push('alone')
      return true
    },
    noLongerAlone: () => void log.push('together'),
    givenUp: giveUp.signal,
  }
  const lane = new CarefulLane(progress, host)
  return { progress, giveUp, log, host, lane, ring: new CarefulLane(progress, host, true) }
}

const announcement = { from: 100, to: 110, isAlone: false, ranMs: 0, hasSuspects: false }
const lone = { from: 100, to: 101, isAlone: true, ranMs: 0, hasSuspects: false }

/** Nothing is stored before what is returned resolves. */
function holdCommits(host: CarefulLaneHost): Deferred<undefined> {
  const commit = host.commit.bind(host)
  const stored = deferred<undefined>()
  host.commit = async () => {
    await stored.promise
    await commit()
  }
  return stored
}

describe('a careful lane', () => {
  it('is answered once what it announced is stored', async () => {
    const { host, lane, log } = create()
    const stored = deferred<undefined>()
    const { commit } = host
    host.commit = async () => {
      await commit()
      await stored.promise
    }
    let isAnswered = false
    const answer = lane.announce(announcement).then(over => {
      isAnswered = true
      return over
    })
    await Promise.resolve()
    assert.deepEqual([log, isAnswered], [['commit 1 100-110 false'], false])
    stored.resolve(undefined)
    assert.equal(await answer, false)
  })

  it('is alone before that is stored, and stores at once that it no longer is', async () => {
    const { lane, log } = create()
    await lane.announce(lone)
    await lane.aloneOver(false)
    assert.deepEqual(log, ['alone', 'commit 1 100-101 true', 'together', 'commit 1 at rest'])
  })

  it('lets the others go on when one that was alone hangs, once it is stored that it is not', async () => {
    const { lane, log } = create()
    await lane.announce(lone)
    await lane.aloneOver(true)
    assert.deepEqual(log, ['alone', 'commit 1 100-101 true', 'commit 1 101-102 false', 'together'])
  })

  for (const next of [
    { ...lone, from: 105, to: 106 },
    { ...announcement, from: 111, to: 120 },
  ])
    it(`lets nobody go on before it is stored that it is not alone: the next one is ${next.isAlone ? '' : 'not '}to be`, async () => {
      const { lane, log, host } = create()
      await lane.announce(lone)
      const stored = holdCommits(host)
      const over = lane.aloneOver(true)
      const announced = lane.announce(next)
      await nextTurn()
      assert.deepEqual(log.slice(2), [])
      stored.resolve(undefined)
      await Promise.all([over, announced])
      const { from, to, isAlone } = next
      const together = log.indexOf('together')
      assert.deepEqual(log.slice(2, together + 1), [
        ...Array<string>(together - 2).fill('commit 1 101-102 false'),
        'together',
      ])
      assert.deepEqual(log.slice(together + 1), [
        ...(isAlone ? ['alone'] : []),
        `commit 1 ${from}-${to} ${isAlone}`,
      ])
    })

  it('holds up others no longer than that where its thread is blocked, if it is a ring', async t => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.after(() => mock.timers.reset())
    const { lane, ring, log } = create()
    await lane.announce(lone)
    mock.timers.tick(600_000)
    await Promise.resolve()
    assert.equal(log.at(-1), 'commit 1 100-101 true', 'in partition order it is waited for')
    lane.rest()
    await ring.announce(lone)
    mock.timers.tick(6_000)
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
    assert.deepEqual(log.slice(-2), ['commit 1 101-102 false', 'together'])
    await ring.announce(lone)
    ring.rest()
    const before = log.length
    mock.timers.tick(600_000)
    assert.equal(log.length, before, 'it was over before')
  })

  it('says where others could not be waited for', async () => {
    const { host, lane, log } = create()
    host.runAlone = async () => false
    await lane.announce(lone)
    assert.deepEqual(log, ['commit 1 100-101 false'])
  })

  it('is an ordinary one when it has run for long enough, once that is stored', async () => {
    const { lane, log, progress } = create()
    assert.equal(await lane.announce({ ...announcement, ranMs: 1_000 }), true)
    assert.equal(await lane.announce(announcement), true)
    assert.deepEqual([log, progress.careful], [['commit 0 null'], null])
  })

  it('waits for a storage that is away', async () => {
    const { host, lane, log } = create()
    const { commit } = host
    let failures = 2
    host.commit = async () => {
      if ((failures -= 1) >= 0) throw new GroupError('ZOOKEEPER_DISCONNECTED', 'away')
      await commit()
    }
    assert.equal(await lane.announce(announcement), false)
    assert.deepEqual(log, ['commit 1 100-110 false'])
  })

  it('holds up nobody between two tries where the storage refuses what it is to store', async () => {
    const { host, lane, log, progress } = create()
    const { commit } = host
    host.commit = async () => {
      host.commit = commit
      throw new GroupError('ZOOKEEPER_REFUSED', 'no')
    }
    const announced = lane.announce(lone)
    await eventually(() => log.includes('together'))
    assert.deepEqual(progress.now.open!.window, { from: 100, to: 101, isAlone: false })
    assert.equal(await announced, false)
    assert.deepEqual(log, ['alone', 'together', 'alone', 'commit 1 100-101 true'])
  })

  it('stays alone while the storage is away: that it is may be stored', async () => {
    const { host, lane, log } = create()
    const { commit } = host
    host.commit = async () => {
      host.commit = commit
      throw new GroupError('ZOOKEEPER_DISCONNECTED', 'away')
    }
    await lane.announce(lone)
    assert.deepEqual(log, ['alone', 'commit 1 100-101 true'])
  })

  it('runs nothing when its claim is gone, given up or its lane ended meanwhile', async () => {
    const { host, lane, giveUp } = create()
    const { commit } = host
    host.commit = async () => Promise.reject(new GroupError('CLAIM_LOST', 'gone'))
    await rejection(lane.announce(announcement), 'CLAIM_LOST')
    host.commit = async () => {
      lane.rest()
      await commit()
    }
    await rejection(lane.announce(announcement), 'NOT_RUNNING')
    host.commit = async () => {
      giveUp.abort()
      throw new GroupError('ZOOKEEPER_DISCONNECTED', 'away')
    }
    await rejection(lane.announce(announcement), 'NOT_RUNNING')
  })

  it('begins nothing once it runs out, and stores that what runs is not alone', async () => {
    const { host, lane, log, progress } = create()
    await lane.announce(lone)
    const stored = holdCommits(host)
    const refused = rejection(lane.announce({ ...announcement, from: 111 }), 'NOT_RUNNING')
    const over = lane.runsOut()
    stored.resolve(undefined)
    await Promise.all([refused, over])
    const notAlone = 'commit 1 101-102 false'
    assert.deepEqual(log.slice(2), [notAlone, notAlone, 'together'])
    assert.equal(progress.now.open!.isAtRest, false)
  })

  it('announces nothing when it was ended while others were waited for', async () => {
    const { host, lane, log, progress } = create()
    host.runAlone = async () => {
      lane.rest()
      return true
    }
    await rejection(lane.announce(lone), 'NOT_RUNNING')
    assert.equal(progress.now.open!.isAtRest, true)
    assert.deepEqual(log, ['together'])
  })
})
