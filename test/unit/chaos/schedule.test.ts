import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAULT_KINDS, Schedule, type Step } from '../../chaos/schedule.ts'

const MEMBERS = { min: 3, max: 5 }

function drawn(seed: number, count: number): Step[] {
  const schedule = new Schedule({
    seed,
    kinds: FAULT_KINDS,
    sessionMs: 2_000,
    brokers: 2,
    minMembers: MEMBERS.min,
    maxMembers: MEMBERS.max,
    minPauseMs: 100,
    maxPauseMs: 1_000,
  })
  return Array.from({ length: count }, () => schedule.next())
}

describe('the schedule of a chaos run', () => {
  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(drawn(7, 200), drawn(7, 200))
    assert.notDeepEqual(drawn(7, 20), drawn(8, 20))
  })

  it('has every kind within each round', () => {
    const extra = 4 // joins and leaves that keep the number of members
    const kinds = new Set(drawn(3, FAULT_KINDS.length + extra).map(({ kind }) => kind))
    assert.deepEqual([...kinds].sort(), [...FAULT_KINDS].sort())
  })

  it('hurts only members that are there, and keeps their number within its bounds', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const members = new Set(Schedule.firstMembers(MEMBERS.min))
      for (const { kind, memberId } of drawn(seed, 300)) {
        if (kind === 'join') members.add(memberId!)
        else if (memberId !== null) assert.ok(members.has(memberId), `${kind} of ${memberId}`)
        if (kind === 'leave' || kind === 'kill') members.delete(memberId!)
        assert.ok(members.size >= MEMBERS.min && members.size <= MEMBERS.max, `${members.size} members`)
      }
    }
  })

  it('makes long faults longer than a session and short ones shorter than a lease that was just renewed', () => {
    for (const { kind, lastsMs } of drawn(5, 300)) {
      if (kind.endsWith('-long')) assert.ok(lastsMs > 2_000)
      if (kind.endsWith('-short')) assert.ok(lastsMs < 1_000)
    }
  })
})
