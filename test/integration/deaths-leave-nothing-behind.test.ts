import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Worker } from 'node:worker_threads'
import { atEnd } from '../support/cleanup.ts'
import { DeadlyHandler } from '../support/deadly-handler.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'

failOnLeaks()

/** `npm run test:deaths` has a thousand. */
const DEATHS = Number(process.env['KWG_DEATHS'] ?? 60)
/** By then everything that is made once has been made. */
const FIRST_DEATHS = Math.ceil(DEATHS / 4)
const THREADS = 2
const SPARES = 1
/** Code that is compiled meanwhile, and what is pooled; then per death, of which each has several times as much while it lasts. */
const MAX_MORE_HEAP = 700_000
const MAX_MORE_HEAP_PER_DEATH = 1_000
const MAX_MORE_BUFFERS = 16_000
/** Less than the shared memory of a thread. */
const MAX_MORE_BUFFERS_PER_DEATH = 64
const DEADLINE_PER_DEATH_MS = 1_500

interface Possessions {
  readonly threads: number
  /** Ports, timers, sockets and whatever else Node counts. */
  readonly resources: Readonly<Record<string, number>>
  readonly heapBytes: number
  /** Shared memory, too. */
  readonly bufferBytes: number
  readonly rssBytes: number
}

function countThreads(t: TestContext): () => number {
  const threads = new Set<Worker>()
  const onThread = (message: unknown): void => {
    const { worker } = message as { worker: Worker }
    threads.add(worker)
    worker.once('exit', () => threads.delete(worker))
  }
  subscribe('worker_threads', onThread)
  atEnd(t, () => unsubscribe('worker_threads', onThread))
  return () => threads.size
}

const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

async function takeStock(threads: () => number): Promise<Possessions> {
  await eventually(() => threads() <= THREADS + SPARES)
  for (let turn = 0; turn < 5; turn += 1) {
    collectGarbage()
    await new Promise(resolve => setImmediate(resolve)) // what is finalized is let go in a later turn
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo())
    if (kind !== 'Immediate') resources[kind] = (resources[kind] ?? 0) + 1
  return { threads: threads(), resources, heapBytes: heapUsed, bufferBytes: arrayBuffers, rssBytes: rss }
}

describe(`${DEATHS} deaths of threads in a row`, () => {
  it('leave no thread, port, timer, socket or shared buffer behind, and memory flat', async t => {
    const threads = countThreads(t)
    const topic = await createTopic(t)
    const handler = new DeadlyHandler(t)
    const group = await runMember(t, handler.url, {
      groupId: uniqueGroup(),
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
      threads: THREADS,
      retry: { backoffMs: 1, maxBackoffMs: 1 },
    })
    let deaths = 0
    group.on('worker:died', () => (deaths += 1))
    group.on('error', () => {}) // errors that nobody hears are kept
    const die = async (count: number): Promise<void> => {
      const until = deaths + count
      await produce(
        topic,
        Array.from({ length: count }, () => ({ value: 'exit:1' })),
      )
      await eventually(() => group.status().handled >= until, {
        deadlineMs: 30_000 + count * DEADLINE_PER_DEATH_MS,
        message: () => `${deaths} of ${until} deaths`,
      })
      assert.equal(deaths, until)
    }

    await die(FIRST_DEATHS)
    const before = await takeStock(threads)
    const startedAtMs = performance.now()
    await die(DEATHS - FIRST_DEATHS)
    const tookMs = performance.now() - startedAtMs
    const after = await takeStock(threads)

    const count = DEATHS - FIRST_DEATHS
    t.diagnostic(`${(tookMs / count).toFixed(1)} ms per death`)
    t.diagnostic(`before: ${JSON.stringify(before)}`)
    t.diagnostic(`after: ${JSON.stringify(after)}`)
    assert.equal(after.threads, before.threads)
    for (const [kind, now] of Object.entries(after.resources))
      assert.ok(now - (before.resources[kind] ?? 0) < count / 10, `${kind}: ${now}`) // a few come and go
    assert.ok(after.heapBytes - before.heapBytes < MAX_MORE_HEAP + count * MAX_MORE_HEAP_PER_DEATH)
    assert.ok(after.bufferBytes - before.bufferBytes < MAX_MORE_BUFFERS + count * MAX_MORE_BUFFERS_PER_DEATH)
    await group.stop()
    await eventually(() => threads() === 0)
  })
})
