import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WorkerThread, type WorkerThreadListener } from '#src/coordinator/threads/worker-thread.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { rejection } from '../../../support/group-error.ts'
import { failOnLeaks } from '../../../support/leaks.ts'
import { rigSettings } from '../../../support/worker-rig.ts'

failOnLeaks()

const LISTENER = { message: () => {}, exited: () => {} } as unknown as WorkerThreadListener

/** One that never answers, and whose task ends like this. */
function silentThread(end: Promise<void>): WorkerThread {
  const settings = rigSettings(new URL('file:///none.js'), 1)
  const host = { run: () => end, exited: () => Promise.resolve() }
  return new WorkerThread(settings, new GroupMemory().buffer, LISTENER, host)
}

describe('the stop of a thread', () => {
  it('has succeeded when its task has ended well, also if its answer is not heard before', async () => {
    await silentThread(Promise.resolve()).stop()
  })

  it('has failed when its task has', async () => {
    const thread = silentThread(Promise.reject(new Error('no more memory')))
    const error = await rejection(thread.stop(), 'WORKER_DIED')
    assert.match(error.message, /no more memory/)
  })
})
