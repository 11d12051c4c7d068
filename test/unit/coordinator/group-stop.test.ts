import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupStop, type GroupStopParts } from '#src/coordinator/group-stop.js'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import type { PartitionSet } from '#src/coordinator/partitions/partition-set.js'
import type { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import { deferred } from '#src/shared/deferred.js'
import type { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'

/** Everything that a member consists of, each part telling when it is ended. */
function member(given: { asking?: Promise<undefined>; releasing?: Promise<void>; left?: unknown[] } = {}): {
  parts: GroupStopParts
  log: string[]
  errors: GroupError[]
} {
  const log: string[] = []
  const errors: GroupError[] = []
  const told = (what: string, work?: Promise<unknown>) => async (): Promise<void> => {
    log.push(what)
    await work
  }
  const left = (given.left ?? []) as OwnedPartition[]
  const parts: GroupStopParts = {
    timers: [{ stop: () => void log.push('timer') }],
    announce: told('announce'),
    takeNoMore: () => void log.push('take no more'),
    committer: { stop: told('committer') },
    partitions: { all: left, releaseAll: told('release', given.releasing) } as unknown as PartitionSet,
    deadlines: null,
    pool: { stop: told('threads') } as unknown as ThreadPool,
    storage: { leave: told('leave'), close: told('close storage'), abandon: told('abandon storage') },
    askers: [{ stop: told('asker', given.asking) }],
    deadLetters: { stop: () => void log.push('dead letters') },
    cluster: { close: () => void log.push('close cluster') },
    giveUpReleasing: new AbortController(),
    logger: silentLogger,
    report: error => errors.push(error),
  }
  return { parts, log, errors }
}

describe('stopping a member', () => {
  it('releases and leaves before it ends threads, whose teardown may take its time, and closes connections last', async () => {
    const { parts, log } = member()
    await new GroupStop(parts, 1000).run()
    assert.deepEqual(log, [
      ...['timer', 'asker', 'announce', 'take no more', 'committer', 'release', 'dead letters', 'leave'],
      ...['threads', 'leave', 'close storage', 'close cluster'], // leave again in case the first one failed
    ])
  })

  it('takes records until the group knows that it goes, but not for long where nobody can be told', async () => {
    const { parts, log } = member()
    const { promise: told, reject } = deferred<undefined>()
    const announced: AbortSignal[] = []
    await new GroupStop(
      {
        ...parts,
        announce: signal => {
          announced.push(signal)
          signal.addEventListener('abort', () => reject(new Error('too late')))
          return told
        },
      },
      60_000,
    ).run()
    assert.equal(announced[0]!.aborted, true)
    assert.deepEqual(log.slice(0, 4), ['timer', 'asker', 'take no more', 'committer'])
  })

  it('does not wait for brokers before what has to be stored is stored', async () => {
    const answered = deferred<undefined>()
    const { parts, log } = member({ asking: answered.promise })
    parts.cluster.close = () => {
      log.push('close cluster')
      answered.resolve(undefined)
    }
    await new GroupStop(parts, 60_000).run()
    assert.equal(log.at(-1), 'close cluster')
  })

  it('leaves although a partition still waits for a broker: nothing of it runs', async () => {
    const waiting = { threads: [], abortSignal: async () => {} }
    const { parts, log, errors } = member({ releasing: new Promise(() => {}), left: [waiting] })
    await new GroupStop(parts, 60).run()
    assert.deepEqual(errors, [])
    assert.ok(log.includes('leave') && log.includes('close storage') && !log.includes('abandon storage'))
  })

  it('goes on when a step fails', async () => {
    const { parts, log } = member({ releasing: Promise.reject(new Error('one claim was lost')) })
    await new GroupStop(parts, 1000).run()
    assert.deepEqual(log.slice(-3), ['leave', 'close storage', 'close cluster'])
  })

  it('at the deadline aborts, then cuts threads and says so, and leaves their claims to the end of the session', async () => {
    const calls: string[] = []
    const stuck = {
      threads: [{ threadId: 3, hasExited: false, terminate: () => calls.push('terminate') }],
      abortSignal: async () => void calls.push('abort'),
    }
    const { parts, log, errors } = member({ releasing: new Promise(() => {}), left: [stuck] })
    await new GroupStop(parts, 60).run()
    assert.deepEqual(calls, ['abort', 'terminate'])
    assert.deepEqual(
      errors.map(error => [error.code, error.details['threads']]),
      [['STOP_TIMEOUT', '3']],
    )
    assert.equal(parts.giveUpReleasing.signal.aborted, true)
    assert.ok(log.includes('abandon storage') && !log.includes('leave') && !log.includes('close storage'))
  })
})
