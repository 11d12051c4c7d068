import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { monotonicMs } from '#src/shared/clock.js'
import { FeedLoop, type Fillable } from '#src/worker/ring/feed-loop.js'

describe('the loop that fills rings', () => {
  const loops: FeedLoop[] = []
  afterEach(() => loops.splice(0).forEach(loop => loop.stop()))

  function newLoop(memory = new WorkerMemory()): FeedLoop {
    loops.push(new FeedLoop(memory))
    return loops.at(-1)!
  }

  /** Has as much to append as it is given turns, and takes all of each. */
  function busy(name: string, turns: number, told: string[]): Fillable {
    let left = turns
    return {
      fill: untilMs => {
        told.push(name)
        while (monotonicMs() < untilMs);
        return (left -= 1) > 0
      },
    }
  }

  it('gives each that has something to append its turn', async () => {
    const loop = newLoop()
    const told: string[] = []
    for (const name of ['a', 'b', 'c']) loop.wake(busy(name, 2, told))
    while (told.length < 6) await nextTurn()
    assert.deepEqual(told, ['a', 'b', 'c', 'a', 'b', 'c'])
    await nextTurn()
    assert.equal(told.length, 6)
  })

  it('lets the event loop have its turns between, and counts what it took', async () => {
    const memory = new WorkerMemory()
    const loop = newLoop(memory)
    const told: string[] = []
    loop.wake(busy('a', 20, told))
    let turns = 0
    for (; told.length < 20; turns++) await nextTurn()
    const { loopTurns, busyMs } = memory.read()
    assert.ok(turns >= 10 && loopTurns >= 10, `${turns} and ${loopTurns} turns`)
    assert.ok(busyMs >= 19, `${busyMs} ms`)
  })

  it('runs nothing that was removed, and nothing after stop', async () => {
    const loop = newLoop()
    const told: string[] = []
    const [gone, kept] = [busy('gone', 1, told), busy('kept', 1, told)]
    loop.wake(gone)
    loop.wake(kept)
    loop.remove(gone)
    await nextTurn()
    await nextTurn()
    assert.deepEqual(told, ['kept'])
    loop.wake(gone)
    loop.stop()
    loop.wake(gone)
    await nextTurn()
    assert.deepEqual(told, ['kept'])
  })
})
