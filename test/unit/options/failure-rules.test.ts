import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveOptions } from '#src/options/resolve.js'
import type { RunGroupOptions } from '#src/options/types.js'
import { optionProblems } from '../../support/option-problems.js'

const least: RunGroupOptions = { groupId: 'thumbnails', topics: ['uploads'], zookeeper: '127.0.0.1:2181' }

function refused(given: Partial<RunGroupOptions>): readonly [path: string, expected: string][] {
  return optionProblems({ ...least, ...given }).map(({ path, expected }) => [path, expected])
}

describe('options about failures', () => {
  it('send dead letters to a topic named after the group, or to the one that is named', () => {
    const byDefault = resolveOptions({ ...least, onFailure: 'dead-letter' })
    assert.deepEqual(byDefault.deadLetter, { topic: 'thumbnails.dead-letters' })
    const named = resolveOptions({ ...least, onFailure: 'dead-letter', deadLetter: { topic: 'broken' } })
    assert.deepEqual(named.deadLetter, { topic: 'broken' })
  })

  it('ask for a name where the one of the group would be no legal topic', () => {
    assert.deepEqual(refused({ groupId: 'my group', onFailure: 'dead-letter' }), [
      ['deadLetter.topic', "a topic name: 'my group.dead-letters', the default, is not a legal one"],
    ])
  })

  it('refuse to consume the dead letters, named or by default', () => {
    const expected = "a topic that the group does not consume (topics has 'thumbnails.dead-letters')"
    const topics = ['uploads', 'thumbnails.dead-letters']
    assert.deepEqual(refused({ topics, onFailure: 'dead-letter' }), [['deadLetter.topic', expected]])
    const named = refused({ onFailure: 'dead-letter', deadLetter: { topic: 'uploads' } })
    assert.deepEqual(named[0]?.[0], 'deadLetter.topic')
  })

  it('refuse a topic for dead letters that nothing would be sent to', () => {
    assert.deepEqual(refused({ deadLetter: { topic: 'broken' } }), [
      ['deadLetter', "nothing, unless onFailure is 'dead-letter' (it is 'stop')"],
    ])
  })

  it('refuse to fail the group for what is skipped', () => {
    assert.deepEqual(refused({ onFailure: 'skip', failGroup: true }), [
      ['failGroup', "false, because onFailure 'skip' stops nothing that could fail the group"],
    ])
  })

  it('refuse a first wait beyond the longest, naming the one that was given', () => {
    assert.deepEqual(refused({ retry: { backoffMs: 60_000 } })[0]?.[0], 'retry.backoffMs')
    assert.deepEqual(refused({ retry: { maxBackoffMs: 100 } })[0]?.[0], 'retry.maxBackoffMs')
  })

  it('refuse a deadline shorter than a few turns of the loop', () => {
    assert.deepEqual(refused({ handlerTimeoutMs: 9 })[0]?.[0], 'handlerTimeoutMs')
  })

  it('refuse to wait for a batch of one', () => {
    assert.deepEqual(refused({ batchWaitMs: 5 }), [
      ['batchWaitMs', '0, because with batchSize 1 no record waits for another'],
    ])
  })

  it('refuse values that are none, one by one', () => {
    const retry = { attempts: 0, backoffMs: -1, maxBackoffMs: 1.5, jitter: 2 }
    assert.deepEqual(
      refused({ retry, onFailure: 'explode' as never, batchSize: 0, threadMemoryMb: 1 })
        .map(([path]) => path)
        .sort(),
      [
        'batchSize',
        'onFailure',
        'retry.attempts',
        'retry.backoffMs',
        'retry.jitter',
        'retry.maxBackoffMs',
        'threadMemoryMb',
      ],
    )
  })
})
