import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Group } from '#src/group.js'
import { resolveStopTimeoutMs } from '#src/options/resolve.js'
import { thrown } from '../../support/group-error.ts'

describe('the options of stop()', () => {
  it('fall back on the deadline of the group', () => {
    assert.equal(resolveStopTimeoutMs({}, 7), 7)
    assert.equal(resolveStopTimeoutMs({ timeoutMs: undefined }, 7), 7)
    assert.equal(resolveStopTimeoutMs({ timeoutMs: 0 }, 7), 0)
  })

  it('are looked at by the group before it stops anything', async () => {
    const stops: number[] = []
    const coordinator = { stop: async (timeoutMs: number) => void stops.push(timeoutMs) }
    const group = new Group({ stopTimeoutMs: 7 } as never, coordinator as never, {} as never, {} as never)
    thrown(() => group.stop({ timeoutMs: Number.NaN }), 'CONFIG_INVALID')
    assert.deepEqual(stops, [])
    await group.stop({ timeoutMs: 5 })
    await group.stop()
    assert.deepEqual(stops, [5, 7])
  })

  const reports: [given: unknown, report: RegExp][] = [
    [{ timeoutMs: Infinity }, /stop\.timeoutMs: got Infinity, expected an integer of milliseconds/],
    [{ timeoutMs: Number.NaN }, /stop\.timeoutMs: got NaN/],
    [{ timeoutMs: 3e9 }, /stop\.timeoutMs: got 3000000000, expected .* to 2147483647/],
    [{ timeoutMs: -1 }, /stop\.timeoutMs: got -1/],
    [{ timeout: 5_000 }, /stop\.timeout: unknown option, did you mean stop\.timeoutMs\?/],
    [5_000, /stop: got 5000, expected an object \{ timeoutMs \}/],
    [null, /stop: got null/],
  ]
  for (const [given, report] of reports) {
    it(`are refused when they are ${JSON.stringify(given)} and mean nothing that can be kept`, () => {
      const error = thrown(() => resolveStopTimeoutMs(given as object, 7), 'CONFIG_INVALID')
      assert.match(error.message, report)
    })
  }
})
