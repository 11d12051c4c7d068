import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { atEnd } from '../../../support/cleanup.ts'
import { rejection } from '../../../support/group-error.ts'
import { failOnLeaks } from '../../../support/leaks.ts'
import { NativeCall } from '../../../support/native-call.ts'
import { rigSettings } from '../../../support/worker-rig.ts'

failOnLeaks()

const QUIET = new URL('../../../../../test/fixtures/handlers/quiet.js', import.meta.url)
const CALL_SECONDS = 1
const CALLS = 200

function startPool(t: TestContext, handler: URL, threads = 1): ThreadPool {
  const listener = {
    message: () => {},
    exited: () => {},
    resolveOutOfRange: () => Promise.reject(new Error('not asked here')),
    deadLetter: () => Promise.reject(new Error('not asked here')),
    announce: () => Promise.reject(new Error('not asked here')),
    aloneOver: () => Promise.reject(new Error('not asked here')),
    oauthToken: () => Promise.reject(new Error('not asked here')),
  }
  const settings = rigSettings(handler, threads)
  const groupMemory = new GroupMemory().buffer
  const pool = new ThreadPool({ threads, settings, groupMemory, logger: silentLogger }, listener)
  atEnd(t, () => pool.stop(AbortSignal.abort()).catch(() => {})) // rejects where the test makes it, and has ended all the same
  return pool
}

/** A pool with one thread inside a native call, in `loadHandler`. */
async function blockedThread(t: TestContext): Promise<{
  pool: ThreadPool
  thread: WorkerThread
  call: NativeCall
  loading: Promise<void>
}> {
  const call = new NativeCall(t, CALL_SECONDS)
  const pool = startPool(t, call.handler(0), 2)
  const thread = pool.threads[0]!
  const loading = thread.loadHandler()
  loading.catch(() => {}) // judged by the test, which may wait for other things first
  await call.begun()
  return { pool, thread, call, loading }
}

function countNewThreads(t: TestContext): () => number {
  let count = 0
  const onThread = (): void => void (count += 1)
  subscribe('worker_threads', onThread)
  atEnd(t, () => unsubscribe('worker_threads', onThread))
  return () => count
}

describe('a thread that is terminated inside a native call', () => {
  it('counts as ended, and its calls as failed, only when it has exited', async t => {
    const { thread, call, loading } = await blockedThread(t)
    const ended = thread.terminate()
    assert.equal(thread.hasExited, false)
    await rejection(loading, 'WORKER_DIED')
    assert.ok(call.hasEnded, 'the call was given up while the thread was still in it')
    assert.equal((await ended)?.code, 'WORKER_DIED')
    assert.equal(thread.hasExited, true)
  })

  it('may be terminated again, at any time', async t => {
    const { thread, call } = await blockedThread(t)
    assert.equal(thread.terminate(), thread.terminate())
    await thread.ended
    assert.ok(call.hasEnded)
    assert.equal((await thread.terminate())?.code, 'WORKER_DIED')
  })

  it('is not called any more once it has exited', async t => {
    const { thread } = await blockedThread(t)
    await thread.terminate()
    await rejection(thread.loadHandler(), 'WORKER_DIED')
  })

  it('is waited for by the stop of its pool', async t => {
    const { pool, thread, call } = await blockedThread(t)
    await pool.stop(AbortSignal.abort())
    assert.ok(call.hasEnded)
    assert.equal(thread.hasExited, true)
  })

  it('is waited for no longer than the caller can, and nothing takes its place', async t => {
    const { pool, thread, call } = await blockedThread(t)
    const newThreads = countNewThreads(t)
    await pool.stop(AbortSignal.abort(), AbortSignal.abort())
    assert.equal(call.hasEnded, false)
    assert.equal(thread.hasExited, false)
    await thread.ended
    await new Promise(resolve => setImmediate(resolve)) // whatever else the exit sets off has begun by then
    assert.equal(newThreads(), 0)
  })
})

describe('a pool of threads', () => {
  it('ends its threads also when one of them cannot be stopped', async t => {
    const pool = startPool(t, QUIET, 2)
    await pool.loadHandlers()
    t.mock.method(pool.threads[0]!, 'stop', () => Promise.reject(new Error('no answer')))
    await assert.rejects(pool.stop(new AbortController().signal), /no answer/)
    assert.ok(pool.threads.every(thread => thread.hasExited))
  })

  it('can be stopped before its threads have begun', async t => {
    const pool = startPool(t, QUIET, 2)
    await pool.stop(AbortSignal.abort())
    assert.ok(pool.threads.every(thread => thread.hasExited))
  })

  it('keeps nothing of the calls that were answered', async t => {
    const pool = startPool(t, QUIET)
    const thread = pool.threads[0]!
    await thread.loadHandler()
    const lane = { topic: 't', partition: 0, epoch: 1n, lane: 0 }
    const calls: WeakRef<Promise<void>>[] = []
    for (let i = 0; i < CALLS; i++) {
      const call = thread.setPaused(lane, true)
      calls.push(new WeakRef(call))
      await call
    }
    await new Promise(resolve => setImmediate(resolve)) // a WeakRef holds its target until the turn ends
    setFlagsFromString('--expose-gc')
    ;(runInNewContext('gc') as () => void)()
    const kept = calls.filter(call => call.deref() !== undefined).length
    assert.ok(kept < CALLS / 10, `${kept} of ${CALLS} answered calls are still held`)
  })
})
