import assert from 'node:assert/strict'
import { beforeEach, describe, it, type TestContext } from 'node:test'
import { DrainWatch } from '#src/coordinator/partitions/drain-watch.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'

const PATIENCE = { abortAfterMs: 100, cutAfterMs: 150, sparesOthersForMs: 5_000 }
const SETTLE_MS = 50
const TURNS = 5

describe('the watch over a drain', () => {
  let log: string[]
  let heard: Deferred<void>
  let isBlockedByOther: boolean

  beforeEach(() => {
    log = []
    heard = deferred()
    isBlockedByOther = false
  })

  function watch(t: TestContext): DrainWatch {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const partition = {
      abortSignal: (reason: string) => {
        log.push(`abort: ${reason}`)
        return heard.promise
      },
    }
    const host = { isBlockedByOther: () => isBlockedByOther, cut: () => void log.push('cut') }
    return new DrainWatch(partition, 'test', PATIENCE, host)
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
    watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    t.mock.timers.tick(SETTLE_MS)
    assert.deepEqual(log, ['abort: test', 'cut'])
  })

  it('puts it off while a handler of another partition blocks the thread', async t => {
    isBlockedByOther = true
    watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    for (let look = 0; look < 99; look += 1) t.mock.timers.tick(SETTLE_MS)
    assert.deepEqual(log, ['abort: test'])
    heard.resolve() // it is free again, and what was awaited there gets its time from now on
    await turns()
    t.mock.timers.tick(SETTLE_MS)
    assert.deepEqual(log, ['abort: test', 'cut'])
  })

  it('cuts in the end, when the other one goes on for longer than the group can wait', t => {
    isBlockedByOther = true
    watch(t)
    t.mock.timers.tick(PATIENCE.abortAfterMs)
    for (let look = 0; look < 101; look += 1) t.mock.timers.tick(SETTLE_MS)
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
