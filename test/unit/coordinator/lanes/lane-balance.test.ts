import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  chooseMove,
  type LaneObservation,
  type ThreadObservation,
} from '#src/coordinator/lanes/lane-balance.js'

const lane = (name: string, backlog: number, movable = true): LaneObservation<string> => ({
  lane: name,
  backlog,
  handled: 10,
  movable,
})
const thread = (busyShare: number, ...lanes: LaneObservation<string>[]): ThreadObservation<string> => ({
  busyShare,
  lanes,
})

describe('lane balance', () => {
  it('moves a lane from a thread that is behind to an idle one', () => {
    assert.deepEqual(chooseMove([thread(1, lane('a', 5000), lane('b', 5000)), thread(0)]), {
      lane: 'a',
      from: 0,
      to: 1,
    })
  })

  it('moves the lane with the most waiting work', () => {
    const move = chooseMove([
      thread(0),
      thread(1, lane('small', 100), lane('big', 9000), lane('middle', 4500)),
    ])
    assert.equal(move?.lane, 'big')
  })

  it('leaves a thread alone that is behind on one lane only: there is nothing to share', () => {
    assert.equal(chooseMove([thread(1, lane('a', 5000), lane('idle', 0)), thread(0)]), null)
  })

  it('leaves all alone while nobody is idle, or nobody is behind', () => {
    assert.equal(chooseMove([thread(1, lane('a', 5000), lane('b', 5000)), thread(0.9)]), null)
    assert.equal(chooseMove([thread(0.6, lane('a', 5000), lane('b', 5000)), thread(0)]), null)
  })

  it('does not move a lane that starts, drains, rests or has failed', () => {
    const move = chooseMove([thread(1, lane('a', 5000, false), lane('b', 100)), thread(0)])
    assert.equal(move?.lane, 'b')
  })

  it('does not move for work that is done before the move pays', () => {
    assert.equal(chooseMove([thread(1, lane('a', 5), lane('b', 5)), thread(0)]), null)
  })

  it('has nothing to say about one thread', () => {
    assert.equal(chooseMove([thread(1, lane('a', 5000), lane('b', 5000))]), null)
  })
})
