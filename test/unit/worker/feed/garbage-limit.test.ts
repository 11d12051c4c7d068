import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GarbageLimit } from '#src/worker/feed/garbage-limit.js'
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
  waste(bytes: number): void {
    this.externalBytes += bytes
    this.limit.dropped(bytes)
  }
}

describe('the limit on garbage', () => {
  it('collects when as much lies about, and not before', () => {
    const thread = new Thread()
    for (let mb = 1; mb < 8; mb += 1) thread.waste(MB)
    assert.equal(thread.collections, 0)
    thread.waste(MB)
    assert.equal(thread.collections, 1)
    assert.equal(thread.externalBytes, 0)
  })

  it('leaves alone what others collect in time', () => {
    const thread = new Thread()
    for (let mb = 0; mb < 100; mb += 1) {
      thread.waste(MB)
      if (mb % 5 === 4) thread.externalBytes = 0
    }
    assert.equal(thread.collections, 0)
  })

  it('takes neither what the feeds hold nor what the program keeps for garbage', () => {
    const thread = new Thread()
    thread.heldBytes = thread.externalBytes = 50 * MB
    thread.limit.dropped(LIMIT)
    assert.equal(thread.collections, 0)
    thread.ownBytes = 100 * MB
    thread.externalBytes += thread.ownBytes
    thread.limit.dropped(LIMIT)
    assert.equal(thread.collections, 1)
    for (let look = 0; look < 5; look += 1) {
      thread.nowMs += 60_000
      thread.limit.dropped(LIMIT)
    }
    assert.equal(thread.collections, 1)
  })

  it('keeps garbage near the limit although V8 frees it only a while after a collection', () => {
    const thread = new Thread()
    let mostBytes = 0
    thread.collect = () => {
      thread.lagging = thread.externalBytes
    }
    for (let mb = 0; mb < 200; mb += 1) {
      thread.nowMs += 6000
      thread.waste(MB)
      thread.externalBytes -= thread.lagging
      thread.lagging = 0
      mostBytes = Math.max(mostBytes, thread.externalBytes)
    }
    assert.ok(mostBytes <= 1.5 * LIMIT, `${mostBytes / MB} MB`)
  })

  it('does not come more often than it may, and less often when it takes long', () => {
    const thread = new Thread()
    thread.waste(LIMIT)
    thread.waste(LIMIT)
    assert.equal(thread.collections, 1)
    thread.nowMs += 5000
    thread.waste(LIMIT)
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
    await eventually(() => externalBytes() - before < 8 * MB)
  })
})
