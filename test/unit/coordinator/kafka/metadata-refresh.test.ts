import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetadataRefresh } from '#src/coordinator/kafka/metadata-refresh.js'

const never = new AbortController().signal

describe('refreshing metadata', () => {
  it('asks once for all who want it at the same time', async () => {
    let asked = 0
    const refresh = new MetadataRefresh(async () => void (asked += 1), never)
    await Promise.all([refresh.run(), refresh.run(), refresh.run()])
    assert.equal(asked, 1)
  })

  it('pauses between one refresh and the next, longer each time', async () => {
    const startsMs: number[] = []
    const refresh = new MetadataRefresh(async () => void startsMs.push(performance.now()), never)
    for (let turn = 0; turn < 4; turn += 1) await refresh.run()
    const pausesMs = startsMs.slice(1).map((startMs, index) => startMs - startsMs[index]!)
    assert.ok(pausesMs[0]! >= 49, `${pausesMs[0]} ms`)
    assert.ok(pausesMs[2]! >= 199, `${pausesMs[2]} ms`)
  })

  it('tells all who wait when it fails, and tries again for the next', async () => {
    const outcomes = [() => Promise.reject(new Error('no broker')), () => Promise.resolve()]
    const refresh = new MetadataRefresh(() => outcomes.shift()!(), never)
    const both = await Promise.allSettled([refresh.run(), refresh.run()])
    assert.deepEqual(
      both.map(of => of.status),
      ['rejected', 'rejected'],
    )
    await refresh.run()
  })

  it('ends its pause when its owner stops', async () => {
    const stop = new AbortController()
    const refresh = new MetadataRefresh(() => Promise.resolve(), stop.signal)
    await refresh.run()
    const waiting = refresh.run()
    stop.abort()
    await assert.rejects(waiting)
    await refresh.idle()
  })
})
