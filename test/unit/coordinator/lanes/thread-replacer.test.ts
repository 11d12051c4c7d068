import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ThreadDeath } from '#src/coordinator/threads/thread-death.js'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import { ThreadReplacer } from '#src/coordinator/lanes/thread-replacer.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import { rejection } from '../../../support/group-error.ts'

describe('the replacer of threads', () => {
  let log: string[]
  let partitions: OwnedPartition[]
  let loaded: () => Promise<void>
  let advances: boolean
  let stopSignal: AbortController
  let replacer: ThreadReplacer
  let old: WorkerThread
  let places: WorkerThread[]
  let bystanderDrained: Deferred<undefined>

  beforeEach(() => {
    log = []
    partitions = []
    loaded = () => Promise.resolve()
    advances = true
    stopSignal = new AbortController()
    bystanderDrained = deferred()
    old = thread('old')
    places = [old]
    replacer = create()
  })

  /** Told as a real one tells it. */
  const exit = (replacer: ThreadReplacer, gone: WorkerThread, kind: ThreadDeath['kind']): void => {
    ;(gone as unknown as { hasExited: boolean }).hasExited = true
    const error = new GroupError('WORKER_DIED', kind, { details: { threadId: gone.threadId } })
    replacer.exited(gone, { kind, error })
  }

  function thread(name: string): WorkerThread {
    const fake = {
      threadId: 0,
      isReady: true,
      hasExited: false,
      ended: new Promise(() => {}),
      terminate: async () => {
        if (fake.hasExited) return
        log.push(`terminate ${name}`)
        exit(replacer, fake as unknown as WorkerThread, 'terminated')
      },
      loadHandler: () => loaded(),
    }
    return fake as unknown as WorkerThread
  }

  function partition(number: number, on: WorkerThread | null, isUnwanted: boolean): OwnedPartition {
    const fake = {
      topic: 't',
      partition: number,
      thread: on,
      isUnwanted,
      get threads() {
        return fake.thread === null ? [] : [fake.thread]
      },
      isOn: (thread: WorkerThread) => fake.thread === thread,
      inHandOn: () => [],
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

  const create = (): ThreadReplacer =>
    new ThreadReplacer({
      pool: {
        threads: places,
        replace: () => (log.push('replace'), (places[0] = thread('fresh'))),
        prepareSpare: () => {},
      },
      inquests: {
        died: () => (log.push('inquest'), advances),
        cut: () => log.push('judged'),
        putDown: () => {},
      },
      partitions: () => partitions,
      welcome: () => log.push('welcome'),
      died: () => log.push('died'),
      replaced: () => log.push('replaced'),
      report: error => log.push(error.code),
      fail: error => log.push(`fail ${error.code}`),
      stopSignal: stopSignal.signal,
      handlerTimeoutMs: 1000,
    })

  it('lets the lanes of other partitions leave before it ends the thread', async () => {
    const stuck = partition(0, old, true)
    partition(1, old, false)
    replacer.cut(stuck)
    await nextTurn()
    assert.deepEqual(log, ['HANDLER_CUT'])
    bystanderDrained.resolve(undefined)
    assert.ok(await replacer.replacementOf(old))
    await nextTurn()
    assert.deepEqual(log.join(), 'HANDLER_CUT,drained 1,terminate old,replace,welcome,replaced,moved 1')
  })

  it('ends it all the same when they cannot, because the handler blocks it', async () => {
    partition(1, old, false)
    replacer.cut(partition(0, old, true))
    assert.ok(await replacer.replacementOf(old))
    assert.ok(log.includes('terminate old') && !log.includes('drained 1'))
    bystanderDrained.resolve(undefined)
  })

  it('takes along what was started on the thread while it was about to be ended', async () => {
    bystanderDrained.resolve(undefined)
    const terminate = old.terminate.bind(old)
    old.terminate = () => {
      partition(5, old, false)
      return terminate()
    }
    replacer.cut(partition(0, old, true))
    await replacer.replacementOf(old)
    await nextTurn()
    assert.ok(log.includes('moved 5'))
  })

  it('ends a thread once, and none in which no handler of the partition runs', async () => {
    replacer.cut(partition(0, old, true))
    replacer.cut(partition(1, old, true))
    replacer.cut(partition(2, null, true))
    await replacer.replacementOf(old)
    assert.deepEqual(log.filter(line => line === 'HANDLER_CUT' || line === 'terminate old').length, 2)
  })

  it('fails the group when no thread can take the place', async () => {
    loaded = () => Promise.reject(new GroupError('HANDLER_SETUP_FAILED', 'setup said no'))
    replacer.cut(partition(0, old, true))
    await rejection(replacer.replacementOf(old)!, 'NOT_RUNNING')
    assert.ok(log.includes('fail HANDLER_SETUP_FAILED'))
    assert.equal(log.filter(line => line === 'replace').length, 3)
  })

  it('has a replacement for one that died, before anybody can ask', async () => {
    bystanderDrained.resolve(undefined)
    partition(3, old, false)
    exit(replacer, old, 'exit')
    assert.ok(replacer.replacementOf(old))
    await replacer.replacementOf(old)
    await nextTurn()
    assert.equal(log.join(), 'died,inquest,replace,welcome,replaced,drained 3,moved 3')
  })

  it('replaces none that ended when it was told to, nor one that dies while the group stops', () => {
    exit(replacer, old, 'terminated')
    assert.equal(replacer.replacementOf(old), null)
    stopSignal.abort(new GroupError('NOT_RUNNING', 'stopping'))
    exit(replacer, thread('another'), 'exit')
    assert.equal(log.join(), 'died,inquest')
  })

  it('replaces one that dies while it is about to be ended only once, and asks who did it', async () => {
    replacer.cutOverdue(old, [], false)
    exit(replacer, old, 'uncaught')
    await replacer.replacementOf(old)
    assert.deepEqual(
      log.filter(line => ['inquest', 'judged', 'replace'].includes(line)).join(),
      'inquest,replace',
    )
  })

  it('waits for nobody on a thread that is blocked, and has it judged before its lanes go on', async () => {
    const blocking = partition(0, old, false)
    partition(1, old, false)
    replacer.cutOverdue(old, [{ partition: blocking, offset: 7 }], true)
    await nextTurn()
    assert.equal(log.slice(0, 2).join(), 'terminate old,judged')
    bystanderDrained.resolve(undefined)
    await replacer.replacementOf(old)
  })

  it('fails the group when threads of one place die in a row without any advance', async () => {
    advances = false
    for (let deaths = 1; deaths < 5; deaths += 1) {
      exit(replacer, old, 'uncaught')
      old = (await replacer.replacementOf(old))!
    }
    assert.ok(!log.includes('fail WORKER_DIED'))
    exit(replacer, old, 'uncaught')
    await rejection(replacer.replacementOf(old)!, 'NOT_RUNNING')
    assert.ok(log.includes('fail WORKER_DIED'))
  })

  it('goes on when threads die again and again, but bring something each time', async () => {
    for (let deaths = 1; deaths < 20; deaths += 1) {
      exit(replacer, old, 'exit')
      old = (await replacer.replacementOf(old))!
    }
    assert.ok(!log.includes('fail WORKER_DIED'))
  })
})
