import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { MessageChannel, Worker } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { atEnd } from '../../../support/cleanup.ts'
import { failOnLeaks } from '../../../support/leaks.ts'
import { rigSettings } from '../../../support/worker-rig.ts'

failOnLeaks()

const QUIET = new URL('../../../../../test/fixtures/handlers/quiet.js', import.meta.url)
const NO_SIGNAL = new AbortController().signal

interface Told {
  readonly name: string
  readonly message: string
}

interface ApplicationApi {
  fail(): void
  /** Answers what the callback threw. */
  tell(callback: () => void): Promise<Told>
}

const APPLICATION = `
  const { workerData } = require('node:worker_threads')
  import('comlink').then(Comlink => Comlink.expose({
    fail() { throw new TypeError('in the worker of the application') },
    tell: callback => callback().catch(({ name, message }) => ({ name, message })),
  }, workerData))`

/** A worker that an application runs for itself, with Comlink as it comes. */
function startApplication(t: TestContext): Comlink.Remote<ApplicationApi> {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(APPLICATION, { eval: true, workerData: port2, transferList: [port2] })
  atEnd(t, async () => {
    port1.close()
    await worker.terminate()
  })
  return Comlink.wrap<ApplicationApi>(port1)
}

async function assertErrorsCross(application: Comlink.Remote<ApplicationApi>): Promise<void> {
  await assert.rejects(application.fail(), { name: 'TypeError', message: 'in the worker of the application' })
  const callback = Comlink.proxy(() => {
    throw new RangeError('in the main thread')
  })
  assert.deepEqual(await application.tell(callback), { name: 'RangeError', message: 'in the main thread' })
}

function startPool(): ThreadPool {
  const listener = {
    message: () => {},
    exited: () => {},
    resolveOutOfRange: () => Promise.reject(new Error('not asked here')),
    deadLetter: () => Promise.reject(new Error('not asked here')),
    announce: () => Promise.reject(new Error('not asked here')),
    aloneOver: () => Promise.reject(new Error('not asked here')),
    oauthToken: () => Promise.reject(new Error('not asked here')),
  }
  const groupMemory = new GroupMemory().buffer
  return new ThreadPool(
    { threads: 1, settings: rigSettings(QUIET), groupMemory, logger: silentLogger },
    listener,
  )
}

describe('an application that uses Comlink itself', () => {
  it('gets the errors of its own threads, and they its, before, while and after a group has threads', async t => {
    const application = startApplication(t)
    const handlers = new Map(Comlink.transferHandlers)
    await assertErrorsCross(application)
    const pools = [startPool(), startPool()]
    try {
      await Promise.all(pools.map(pool => pool.loadHandlers()))
      await assertErrorsCross(application)
    } finally {
      await Promise.all(pools.map(pool => pool.stop(NO_SIGNAL)))
    }
    await assertErrorsCross(application)
    assert.deepEqual(Comlink.transferHandlers, handlers)
  })
})
