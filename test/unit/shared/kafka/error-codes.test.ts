import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodeName, fetchPolicy } from '#src/shared/kafka/error-codes.js'

describe('error codes of brokers', () => {
  it('are named in messages, also those that are unknown here', () => {
    assert.equal(errorCodeName(6), 'NOT_LEADER_OR_FOLLOWER (6)')
    assert.match(errorCodeName(999), /\(999\)/)
  })

  it('say what a consumer does about a partition', () => {
    const policies = [0, 1, 2, 3, 5, 6, 9, 29, 43, 56, 74, 75, 76, 78, 100, 103].map(code =>
      fetchPolicy(code),
    )
    assert.deepEqual(policies, [
      'ok',
      'out-of-range',
      'fatal',
      ...Array<string>(4).fill('stale-leader'),
      ...['fatal', 'fatal'],
      ...Array<string>(3).fill('stale-leader'),
      'fatal',
      ...Array<string>(3).fill('stale-leader'),
    ])
  })

  it('stop the partition when they are unknown here', () => {
    assert.equal(fetchPolicy(999), 'fatal')
  })
})
