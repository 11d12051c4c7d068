import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isGroupError } from '#src/shared/errors.js'
import { StateMachine } from '#src/shared/state-machine.js'

const TABLE = { open: ['half', 'shut'], half: ['open', 'shut'], shut: [] } as const

describe('state machine', () => {
  it('moves along its table and tells each move', () => {
    const moves: string[] = []
    const machine = new StateMachine<keyof typeof TABLE>('door', TABLE, 'open', move =>
      moves.push(`${move.from}>${move.to}`),
    )
    machine.moveTo('half', 'pushed')
    machine.moveTo('shut', 'pushed again')
    assert.deepEqual(moves, ['open>half', 'half>shut'])
    assert.equal(machine.isFinal, true)
  })

  it('refuses a move outside of its table, names what led there, and stays where it was', () => {
    const machine = new StateMachine<keyof typeof TABLE>('door', TABLE, 'open')
    machine.moveTo('shut', 'slammed')
    assert.throws(
      () => machine.moveTo('open', 'knocked'),
      error =>
        isGroupError(error, 'INTERNAL') &&
        /door: no move shut>open \(knocked\); before: open>shut \(slammed\)/.test(error.message),
    )
    assert.equal(machine.state, 'shut')
  })
})
