import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LevelWatch } from '#src/coordinator/partitions/work/level-watch.js'

describe('the watch for lanes that are level', () => {
  it('tells once when all have come to the same offset, and nothing once it is stopped', t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let frontiers = [5, 8]
    let told = 0
    const pass = (): void => {
      for (let look = 0; look < 10; look += 1) t.mock.timers.tick(100)
    }
    const create = (): LevelWatch =>
      new LevelWatch(
        () => ({ frontiers, inHand: [] }),
        () => void (told += 1),
      )
    const watch = create()
    watch.start()
    pass()
    assert.equal(told, 0)
    frontiers = [8, 8]
    pass()
    assert.equal(told, 1)
    const stopped = create()
    stopped.start()
    stopped.stop()
    pass()
    assert.equal(told, 1)
  })
})
