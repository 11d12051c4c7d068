import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LeaderKeeper } from '#src/coordinator/lanes/leader-keeper.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import type { LeaderView } from '#src/shared/protocol.js'
import { eventually } from '../../../support/eventually.ts'

const NEVER = new Promise<void>(() => {})

class FakeThread {
  readonly threadId = 0
  readonly views: LeaderView[] = []
  answer: Promise<void> = Promise.resolve()

  updateLeaders(view: LeaderView): Promise<void> {
    this.views.push(view)
    return this.answer
  }
}

describe('leader keeper', () => {
  let thread: FakeThread
  let other: FakeThread
  let questions: Deferred<LeaderView>[]
  let warnings: object[]
  let keeper: LeaderKeeper
  let refreshes: number

  beforeEach(() => {
    thread = new FakeThread()
    other = new FakeThread()
    questions = []
    warnings = []
    const cluster = {
      knownLeaders: () => view(9),
      leaderView: () => {
        questions.push(deferred())
        return questions.at(-1)!.promise
      },
    }
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
    refreshes = 0
    keeper = new LeaderKeeper({
      cluster,
      topics: ['t'],
      threads: () => [thread, other],
      refreshed: () => (refreshes += 1),
      logger,
    })
  })

  const view = (leader: number): LeaderView => ({ brokers: [], leaders: { t: [leader] } })

  /** Answers the next question that is asked. */
  async function answer(found: LeaderView): Promise<void> {
    const before = questions.length
    keeper.refreshSoon('a test asks')
    await eventually(() => questions.length > before)
    questions.at(-1)!.resolve(found)
  }

  it('tells what is known without asking', async () => {
    keeper.tellKnown()
    assert.deepEqual([thread.views, other.views], [[view(9)], [view(9)]])
    await keeper.stop()
    keeper.tellKnown()
    assert.deepEqual([thread.views.length, questions.length], [1, 0])
  })

  it('tells every thread, whether or not another one answers', async () => {
    thread.answer = NEVER
    await answer(view(1))
    await eventually(() => other.views.length === 1)
    assert.equal(refreshes, 1)
    await answer(view(2))
    await eventually(() => other.views.length === 2)
    assert.deepEqual(other.views, [view(1), view(2)])
    assert.deepEqual(thread.views, other.views)
  })

  it('asks once for all who ask at the same time', async () => {
    keeper.refreshSoon('one')
    keeper.refreshSoon('two')
    await eventually(() => questions.length === 1)
    keeper.refreshSoon('three')
    questions[0]!.resolve(view(1))
    await eventually(() => thread.views.length === 1)
    assert.equal(questions.length, 1)
  })

  it('has nothing to say of a thread that is gone, and logs what else a thread answers', async () => {
    thread.answer = Promise.reject(new GroupError('WORKER_DIED', 'gone'))
    other.answer = Promise.reject(new GroupError('INTERNAL', 'no such view'))
    const refreshed = keeper.refresh()
    questions[0]!.resolve(view(1))
    await refreshed
    await eventually(() => warnings.length > 0)
    assert.equal(warnings.length, 1)
    assert.match(String((warnings[0] as { err: Error }).err), /no such view/)
  })

  it('asks again when the cluster did not answer', async () => {
    keeper.refreshSoon('a leader moved')
    await eventually(() => questions.length === 1)
    questions[0]!.reject(new GroupError('BROKER_DISCONNECTED', 'away'))
    await eventually(() => questions.length === 2)
    questions[1]!.resolve(view(1))
    await eventually(() => thread.views.length === 1)
    assert.equal(warnings.length, 1)
  })

  it('asks no more once it is stopped, which is over when the question under way is cut', async () => {
    keeper.refreshSoon('a leader moved')
    await eventually(() => questions.length === 1)
    let isOver = false
    const stopped = keeper.stop().then(() => (isOver = true))
    keeper.refreshSoon('too late')
    await nextTurn()
    assert.equal(isOver, false)
    questions[0]!.reject(new GroupError('NOT_RUNNING', 'the connection to the Kafka cluster was closed'))
    await stopped
    assert.equal(questions.length, 1)
    assert.deepEqual(warnings, [])
    await keeper.stop()
  })

  it('tells threads nothing that it hears after the stop', async () => {
    keeper.refreshSoon('a leader moved')
    await eventually(() => questions.length === 1)
    const stopped = keeper.stop()
    questions[0]!.resolve(view(1))
    await stopped
    assert.deepEqual(thread.views, [])
  })
})
