import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { knownPartitions, startRule } from '#src/coordinator/partitions/start-offsets.js'

const known = knownPartitions([0, 1, 2].map(partition => ({ topic: 't', partition })))
const holed = knownPartitions([0, 2].map(partition => ({ topic: 't', partition })))

describe('start rule', () => {
  it('takes what is stored, whatever the policy says', () => {
    assert.equal(startRule({ topic: 't', partition: 1 }, known, true, 'none'), 'stored')
  })

  it('follows the policy at the birth of a group, per topic', () => {
    for (const policy of ['latest', 'earliest', 'none'] as const) {
      assert.equal(startRule({ topic: 'new', partition: 0 }, known, false, policy), policy)
    }
  })

  it('starts partitions that were added later at earliest, so that their first records are not skipped', () => {
    assert.equal(startRule({ topic: 't', partition: 3 }, known, false, 'latest'), 'earliest')
  })

  it('starts topics that appeared later at earliest', () => {
    assert.equal(startRule({ topic: 'new', partition: 0 }, knownPartitions([]), true, 'latest'), 'earliest')
  })

  it('follows the policy for a hole among known partitions: a group of another client never committed there', () => {
    assert.equal(startRule({ topic: 't', partition: 1 }, holed, false, 'latest'), 'latest')
  })
})
