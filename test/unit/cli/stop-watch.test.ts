import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StopWatch } from '#src/cli/stop-watch.js'
import { progressNotStored } from '#src/coordinator/coordinator-errors.js'
import type { Group } from '#src/index.js'
import { GroupError } from '#src/shared/errors.js'

const TIMEOUT = new GroupError('STOP_TIMEOUT', 'handlers were cut')
const AWAY = new GroupError('ZOOKEEPER_DISCONNECTED', 'no answer')
const NOT_STORED = progressNotStored({ topic: 't', partition: 3, committed: 40 }, AWAY)

/** A group that tells these errors in these states. */
function watched(...told: [state: Group['state'], error: GroupError][]): StopWatch {
  let tell: (error: GroupError) => void = () => {}
  const group = {
    state: 'running',
    on(_event: 'error', listener: (error: GroupError) => void) {
      tell = listener
      return this
    },
  }
  const watch = new StopWatch(group as unknown as Group)
  for (const [state, error] of told) {
    group.state = state
    tell(error)
  }
  return watch
}

describe('a stop', () => {
  for (const [what, error] of [
    ['handlers were cut', TIMEOUT],
    ['what was finished last could not be stored', NOT_STORED],
  ] as const) {
    it(`is unclean when ${what}, with that as its cause`, () => {
      assert.throws(() => watched(['stopping', error]).throwIfUnclean(), error)
    })
  }

  it('is clean when nothing was told, or what was told did not keep anything from being stored', () => {
    watched().throwIfUnclean()
    watched(['stopping', AWAY], ['stopping', new GroupError('HANDLER_FAILED', 'no')]).throwIfUnclean()
  })

  it('is not blamed for what went wrong before it', () => {
    watched(['running', NOT_STORED]).throwIfUnclean()
  })

  it('names the first of several causes', () => {
    assert.throws(() => watched(['stopping', TIMEOUT], ['stopping', NOT_STORED]).throwIfUnclean(), TIMEOUT)
  })
})
