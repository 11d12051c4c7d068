import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mergeFlags, resetOptionsOf, withFlagNames } from '#src/cli/flags.js'
import { resolveOptions } from '#src/options/resolve.js'

describe('resetOptionsOf', () => {
  it('gives each flag its option, and leaves nonsense to the resolver', () => {
    assert.deepEqual(resetOptionsOf({ topic: 't', to: '12', partitions: '0,2' }), {
      topic: 't',
      to: 12,
      partitions: [0, 2],
    })
    assert.deepEqual(resetOptionsOf({ to: '2026-01-31T12:00:00Z', partitions: '0,,x' }), {
      topic: undefined,
      to: '2026-01-31T12:00:00Z',
      partitions: [0, '', 'x'],
    })
  })
})

describe('mergeFlags', () => {
  it('gives each flag its option', () => {
    const options = mergeFlags(
      {},
      {
        group: 'g',
        topics: 'a,b',
        zookeeper: 'h:1/c',
        brokers: 'h:2,h:3',
        memberId: 'm',
        threads: '3',
        ordering: 'key',
        offsetReset: 'earliest',
        commitInterval: '500',
        sessionTimeout: '4000',
        missingTopics: 'wait',
      },
    )
    assert.deepEqual(options, {
      groupId: 'g',
      topics: ['a', 'b'],
      zookeeper: { servers: 'h:1/c', chroot: undefined, sessionTimeoutMs: 4000 },
      kafka: { brokers: ['h:2', 'h:3'] },
      memberId: 'm',
      threads: 3,
      ordering: 'key',
      offsetReset: 'earliest',
      commit: { intervalMs: 500 },
      missingTopics: 'wait',
    })
  })

  it('leaves the configuration alone where no flag is given', () => {
    const config = { groupId: 'g', zookeeper: 'h:1', commit: { auto: false }, unknown: 1 }
    assert.deepEqual(mergeFlags(config, {}), config)
  })

  it('lets flags win, without losing what stands beside them', () => {
    const config = {
      threads: 8,
      zookeeper: { servers: 'old:1', chroot: '/old', sessionTimeoutMs: 9000 },
      kafka: { brokers: ['old:1'], ssl: true },
      commit: { intervalMs: 1, auto: false },
    }
    const flags = { threads: '2', zookeeper: 'new:1/new', brokers: 'new:2', commitInterval: '7' }
    assert.deepEqual(mergeFlags(config, flags), {
      threads: 2,
      zookeeper: { servers: 'new:1/new', chroot: undefined, sessionTimeoutMs: 9000 },
      kafka: { brokers: ['new:2'], ssl: true },
      commit: { intervalMs: 7, auto: false },
    })
  })

  it('adds a session timeout to servers given as text', () => {
    assert.deepEqual(mergeFlags({ zookeeper: 'h:1/c' }, { sessionTimeout: '5000' }), {
      zookeeper: { servers: 'h:1/c', sessionTimeoutMs: 5000 },
    })
  })

  it('leaves nonsense to the resolver, which names flag and option', () => {
    const merged = mergeFlags(
      { commit: 5, kafka: 'x' },
      { threads: 'four', commitInterval: '9', topics: 'a,,b' },
    )
    assert.deepEqual(merged, { commit: 5, kafka: 'x', threads: 'four', topics: ['a', '', 'b'] })
    const message = String(withFlagNames(thrownBy(() => resolveOptions(merged as never))))
    assert.match(message, /--group \(groupId\): missing/)
    assert.match(message, /--threads \(threads\): got "four"/)
    assert.match(message, /--topics \(topics\[1\]\): got ""/)
    assert.match(message, /kafka: got "x"/)
  })
})

function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
