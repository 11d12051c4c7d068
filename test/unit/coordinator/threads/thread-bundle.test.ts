import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import type { WorkerSettings } from '#src/shared/protocol.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'
import { API } from '../../../support/kafka-answers.ts'
import { failOnLeaks } from '../../../support/leaks.ts'
import { startLoginBroker } from '../../../support/login-broker.ts'
import { inRepository } from '../../../support/repository.ts'
import { rigSettings } from '../../../support/worker-rig.ts'

failOnLeaks()

const QUIET = new URL('../../../../../test/fixtures/handlers/quiet.js', import.meta.url)
const NODE_ID = 1

function startPool(t: TestContext, changes: Partial<WorkerSettings>): ThreadPool {
  const notAsked = (): Promise<never> => Promise.reject(new Error('not asked here'))
  const listener = {
    message: () => {},
    exited: () => {},
    resolveOutOfRange: notAsked,
    deadLetter: notAsked,
    announce: notAsked,
    aloneOver: notAsked,
    oauthToken: notAsked,
  }
  const settings = { ...rigSettings(QUIET), ...changes }
  const groupMemory = new GroupMemory().buffer
  const pool = new ThreadPool({ threads: 1, settings, groupMemory, logger: silentLogger }, listener)
  atEnd(t, () => pool.stop(AbortSignal.abort()))
  return pool
}

describe('the file that a worker thread starts from', () => {
  it('logs in to a broker before it fetches', async t => {
    const broker = await startLoginBroker(t)
    const { connection } = rigSettings(QUIET)
    const sasl = { mechanism: 'plain', username: 'alice', password: 'secret' } as const
    const pool = startPool(t, { connection: { ...connection, sasl } })
    const [thread] = pool.threads
    await pool.loadHandlers()
    const { host, port } = broker
    await thread!.updateLeaders({ brokers: [{ nodeId: NODE_ID, host, port }], leaders: { t: [NODE_ID] } })
    await thread!.startLane({
      topic: 't',
      partition: 0,
      epoch: 1n,
      lane: 0,
      memory: LaneMemory.create(0, 1).buffer,
      generation: 0,
      paused: false,
      lastFailure: null,
      suspectForMs: 0,
      careful: null,
    })
    const fetch = await eventually(() => broker.requests.find(({ apiKey }) => apiKey === API.fetch))
    assert.deepEqual(
      broker.requests.filter(({ socket }) => socket === fetch.socket).map(({ apiKey }) => apiKey),
      [API.apiVersions, API.saslHandshake, API.saslAuthenticate, API.fetch],
    )
  })

  it('requires nothing of what it contains, nor what only a login needs', () => {
    const text = readFileSync(inRepository('dist/worker/thread.cjs'), 'utf8')
    const required = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name)
    for (const name of ['kafkajs', 'comlink', 'zstddec', 'crypto', 'node:crypto', 'node:tls', 'node:zlib'])
      assert.ok(!required.includes(name), name)
    assert.ok(required.includes('@node-rs/crc32')) // the pattern finds what is there
  })
})
