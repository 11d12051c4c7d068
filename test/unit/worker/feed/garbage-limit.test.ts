import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { GarbageLimit } from '#src/worker/feed/garbage-limit.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'

const MB = 2 ** 20
const LIMIT = 8 * MB
const COLLECTION_MS = 20

/** A thread whose memory the test sets. A collection leaves what is held and what the program keeps. */
class Thread {
  heldBytes = 0
  externalBytes = 0
  ownBytes = 0
  nowMs = 0
  collections = 0
  /** Collected, and freed at the next step. */
  lagging = 0
  collect = (): void => {
    this.externalBytes = this.heldBytes + this.ownBytes
  }
  readonly limit = new GarbageLimit({
    maxBytes: LIMIT,
    heldBytes: () => this.heldBytes,
    externalBytes: () => this.externalBytes,
    collect: () => {
      this.collections += 1
      this.nowMs += COLLECTION_MS
      this.collect()
    },
    now: () => this.nowMs,
  })

  /** Memory that was fetched and handled, and that nothing has freed. */
  async waste(bytes: number): Promise<void> {
    this.externalBytes += bytes
    await this.drop(bytes)
  }

  async drop(bytes: number): Promise<void> {
    this.limit.dropped(bytes)
    await nextTurn() // collections wait for the turn of whoever dropped something to end
  }
}

describe('the limit on garbage', () => {
  it('collects when as much lies about, and not before', async () => {
    const thread = new Thread()
    for (let mb = 1; mb < 8; mb += 1) await thread.waste(MB)
    assert.equal(thread.collections, 0)
    await thread.waste(MB)
    assert.equal(thread.collections, 1)
    assert.equal(thread.externalBytes, 0)
  })

  it('leaves alone what others collect in time', async () => {
    const thread = new Thread()
    for (let mb = 0; mb < 100; mb += 1) {
      await thread.waste(MB)
      if (mb % 5 === 4) thread.externalBytes = 0
    }
    assert.equal(thread.collections, 0)
  })

  it('takes neither what the feeds hold nor what the program keeps for garbage', async () => {
    const thread = new Thread()
    thread.heldBytes = thread.externalBytes = 50 * MB
    await thread.drop(LIMIT)
    assert.equal(thread.collections, 0)
    thread.ownBytes = 100 * MB
    thread.externalBytes += thread.ownBytes
    await thread.drop(LIMIT)
    assert.equal(thread.collections, 1)
    for (let look = 0; look < 5; look += 1) {
      thread.nowMs += 60_000
      await thread.drop(LIMIT)
    }
    assert.equal(thread.collections, 1)
  })

  it('keeps garbage near the limit although V8 frees it only a while after a collection', async () => {
    const thread = new Thread()
    let mostBytes = 0
    thread.collect = () => {
      thread.lagging = thread.externalBytes
    }
    for (let mb = 0; mb < 200; mb += 1) {
      thread.nowMs += 6000
      await thread.waste(MB)
      thread.externalBytes -= thread.lagging
      thread.lagging = 0
      mostBytes = Math.max(mostBytes, thread.externalBytes)
    }
    assert.ok(mostBytes <= 1.5 * LIMIT, `${mostBytes / MB} MB`)
  })

  it('does not come more often than it may, and less often when it takes long', async () => {
    const thread = new Thread()
    await thread.waste(LIMIT)
    await thread.waste(LIMIT)
    assert.equal(thread.collections, 1)
    thread.nowMs += 5000
    await thread.waste(LIMIT)
    assert.equal(thread.collections, 2)
  })

  it('frees buffers that V8 would keep', async () => {
    const externalBytes = (): number => process.memoryUsage().external
    const before = externalBytes()
    let drop = (): void => {}
    {
      const buffers = Array.from({ length: 32 }, () => Buffer.alloc(MB))
      drop = () => buffers.splice(0)
    }
    assert.ok(externalBytes() - before > 30 * MB)
    drop()
    new GarbageLimit({ maxBytes: MB, heldBytes: () => 0 }).dropped(MB)
    await eventually(() => {
      Buffer.alloc(MB) // V8 gives back what it has freed when the next buffer is made
      return externalBytes() - before < 16 * MB
    })
  })

  it('works in several threads that come to it at the same time', async t => {
    const module = import.meta.resolve('#src/worker/feed/garbage-limit.js')
    const program = `
      import { GarbageLimit } from ${JSON.stringify(module)}
      const limit = new GarbageLimit({ maxBytes: ${MB}, heldBytes: () => 0 })
      setTimeout(() => {
        const buffers = Array.from({ length: 16 }, () => Buffer.alloc(${MB}))
        buffers.length = 0
        limit.dropped(${MB})
      }, Math.random() * 3)
      setInterval(() => {
        Buffer.alloc(${MB})
        if (process.memoryUsage().external < ${8 * MB}) process.exit(0)
      }, 20)
      setTimeout(() => process.exit(1), 5000)`
    const source = new URL(`data:text/javascript,${encodeURIComponent(program)}`)
    for (let round = 0; round < 8; round += 1) {
      const threads = Array.from({ length: 4 }, () => new Worker(source))
      for (const thread of threads) atEnd(t, () => thread.terminate())
      await Promise.all(threads.map(ended))
    }
  })
})

async function ended(thread: Worker): Promise<void> {
  const code = await new Promise<number>((resolve, reject) => {
    thread.once('error', reject)
    thread.once('exit', resolve)
  })
  assert.equal(code, 0)
}
