import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import { ThreadReplacer } from '#src/coordinator/lanes/thread-replacer.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import { rejection } from '../../../support/group-error.ts'

describe('the replacer of threads', () => {
  let log: string[]
  let partitions: OwnedPartition[]
  let loaded: Promise<void>
  let bystanderDrained: Deferred<undefined>

  beforeEach(() => {
    log = []
    partitions = []
    loaded = Promise.resolve()
    bystanderDrained = deferred()
  })

  function thread(name: string): WorkerThread {
    const fake = {
      threadId: 0,
      hasExited: false,
      terminate: async () => void log.push(`terminate ${name}`),
      loadHandler: () => loaded,
    }
    return fake as unknown as WorkerThread
  }

  function partition(number: number, on: WorkerThread | null, isUnwanted: boolean): OwnedPartition {
    const fake = {
      topic: 't',
      partition: number,
      thread: on,
      isUnwanted,
      memory: { floor: 7 },
      async moveOff(_: WorkerThread, replacement: Promise<WorkerThread>, drained: () => void) {
        await bystanderDrained.promise
        log.push(`drained ${number}`)
        fake.thread = null
        drained()
        fake.thread = await replacement.catch(() => null) // asserted by the test
        log.push(`moved ${number}`)
      },
    }
    const one = fake as unknown as OwnedPartition
    partitions.push(one)
    return one
  }

  const fresh = thread('fresh')
  const create = (): ThreadReplacer =>
    new ThreadReplacer({
      pool: { replace: () => (log.push('replace'), fresh) },
      partitions: () => partitions,
      welcome: () => log.push('welcome'),
      replaced: () => log.push('replaced'),
      report: error => log.push(error.code),
      fail: error => log.push(`fail ${error.code}`),
    })

  it('lets the lanes of other partitions leave before it ends the thread', async () => {
    const old = thread('old')
    const stuck = partition(0, old, true)
    partition(1, old, false)
    const replacer = create()
    replacer.cut(stuck)
    await nextTurn()
    assert.deepEqual(log, ['HANDLER_CUT'])
    bystanderDrained.resolve(undefined)
    assert.equal(await replacer.replacementOf(old), fresh)
    await nextTurn()
    assert.deepEqual(log.join(), 'HANDLER_CUT,drained 1,terminate old,replace,welcome,replaced,moved 1')
  })

  it('ends it all the same when they cannot, because the handler blocks it', async () => {
    const old = thread('old')
    partition(1, old, false)
    const replacer = create()
    replacer.cut(partition(0, old, true))
    assert.equal(await replacer.replacementOf(old), fresh)
    assert.ok(log.includes('terminate old') && !log.includes('drained 1'))
    bystanderDrained.resolve(undefined)
  })

  it('takes along what was started on the thread while it was about to be ended', async () => {
    const old = thread('old')
    bystanderDrained.resolve(undefined)
    const replacer = create()
    old.terminate = async () => {
      partition(5, old, false)
      return null
    }
    replacer.cut(partition(0, old, true))
    await replacer.replacementOf(old)
    await nextTurn()
    assert.ok(log.includes('moved 5'))
  })

  it('ends a thread once, and none in which no handler of the partition runs', async () => {
    const old = thread('old')
    const replacer = create()
    replacer.cut(partition(0, old, true))
    replacer.cut(partition(1, old, true))
    replacer.cut(partition(2, null, true))
    await replacer.replacementOf(old)
    assert.deepEqual(log.filter(line => line === 'HANDLER_CUT' || line === 'terminate old').length, 2)
  })

  it('fails the group when no thread can take the place', async () => {
    const old = thread('old')
    loaded = Promise.reject(new GroupError('HANDLER_SETUP_FAILED', 'setup said no'))
    const replacer = create()
    replacer.cut(partition(0, old, true))
    await rejection(replacer.replacementOf(old)!, 'HANDLER_SETUP_FAILED')
    assert.ok(log.includes('fail HANDLER_SETUP_FAILED'))
  })
})
