import assert from 'node:assert/strict'
import { beforeEach, describe, it, type TestContext } from 'node:test'
import { DrainWatch } from '#src/coordinator/partitions/drain-watch.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'

const PATIENCE = { abortAfterMs: 100, cutAfterMs: 150 }
const SETTLE_MS = 50
const TURNS = 5

describe('the watch over a drain', () => {
  let log: string[]
  let heard: Deferred<void>
  let hasSliceInHand: boolean

  beforeEach(() => {
    log = []
    heard = deferred()
    hasSliceInHand = false
  })

  function watch(t: TestContext): DrainWatch {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const partition = {
      abortSignal: (reason: string) => {
        log.push(`abort: ${reason}`)
        return heard.promise
      },
      get hasSliceInHand() {
        return hasSliceInHand
      },
    }
    return new DrainWatch(partition, 'test', PATIENCE, () => log.push('cut'))
  }

  async function turns(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve()
  }

  it('cuts a handler that has heard and had its time', async t => {
    watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    heard.resolve()
    await turns()
    t.mock.timers.tick(SETTLE_MS - 1)
    assert.deepEqual(log, ['abort: test'])
    t.mock.timers.tick(1)
    assert.deepEqual(log, ['abort: test', 'cut'])
  })

  it('cuts one that blocks its thread, which hears nothing', t => {
    hasSliceInHand = true
    watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    t.mock.timers.tick(SETTLE_MS)
    assert.deepEqual(log, ['abort: test', 'cut'])
  })

  it('cuts nothing while a handler of another partition blocks the thread, however long', async t => {
    watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    for (let look = 0; look < 100; look += 1) t.mock.timers.tick(SETTLE_MS)
    assert.deepEqual(log, ['abort: test'])
    heard.resolve() // it is free again, and what was awaited there gets its time from now on
    await turns()
    t.mock.timers.tick(SETTLE_MS)
    assert.deepEqual(log, ['abort: test', 'cut'])
  })

  it('does nothing any more once the drain is over', async t => {
    const one = watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    one.stop()
    heard.resolve()
    await turns()
    t.mock.timers.tick(60_000)
    assert.deepEqual(log, ['abort: test'])
  })
})
