import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { FeederKeeper } from '#src/coordinator/lanes/feeder-keeper.js'
import type { ThreadDeath } from '#src/coordinator/threads/thread-death.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { GroupError } from '#src/shared/errors.js'

const thread = (): WorkerThread => ({ threadId: 2, isRunning: true }) as unknown as WorkerThread

const DEATH: ThreadDeath = { kind: 'uncaught', error: new GroupError('WORKER_DIED', 'no') }

describe('the keeper of the feeder', () => {
  let log: string[]
  let pool: { feeder: WorkerThread | null; startFeeder: () => WorkerThread }
  let stopSignal: AbortController
  let keeper: FeederKeeper

  beforeEach(() => {
    log = []
    stopSignal = new AbortController()
    pool = {
      feeder: null,
      startFeeder: () => {
        log.push('start')
        pool.feeder = thread()
        return pool.feeder
      },
    }
    keeper = new FeederKeeper({
      pool,
      welcome: () => log.push('welcome'),
      putDown: () => log.push('put down'),
      report: error => log.push(error.code),
      fail: error => log.push(`fail ${error.code}`),
      stopSignal: stopSignal.signal,
    })
  })

  const die = (thread: WorkerThread): void => {
    Object.assign(thread, { isRunning: false })
    keeper.exited(thread, DEATH)
  }

  it('starts one when it is needed, and tells it who leads what', () => {
    const feeder = keeper.get()
    assert.equal(keeper.get(), feeder)
    assert.deepEqual(log, ['start', 'welcome'])
    assert.deepEqual([keeper.isOrWas(feeder), keeper.isOrWas(thread())], [true, false])
  })

  it('tells of one that has died, and starts another for whoever asks then', () => {
    const first = keeper.get()
    die(first)
    assert.notEqual(keeper.get(), first)
    assert.deepEqual(log, ['start', 'welcome', 'WORKER_DIED', 'put down', 'start', 'welcome'])
  })

  it('fails the group when one after the other dies', () => {
    for (let deaths = 0; deaths < 5; deaths += 1) die(keeper.get())
    assert.equal(log.at(-1), 'fail WORKER_DIED')
  })

  it('says nothing of one that was stopped, or that dies while the group stops', () => {
    const feeder = keeper.get()
    keeper.exited(feeder, null)
    stopSignal.abort()
    die(feeder)
    assert.deepEqual(log, ['start', 'welcome'])
  })
})
