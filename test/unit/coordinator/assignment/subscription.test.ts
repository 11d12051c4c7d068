import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  parseTopicPattern,
  threadsPerTopic,
  type Subscription,
} from '#src/coordinator/assignment/subscription.js'

function list(pattern: 'white_list' | 'black_list', text: string, threads = 2): Subscription {
  const regex = parseTopicPattern(text)
  assert.ok(regex !== null, text)
  return { pattern, text, regex, threads }
}

function matching(text: string, topics: readonly string[]): string[] {
  return [...threadsPerTopic(list('white_list', text), topics)!.keys()]
}

describe('threads per topic', () => {
  it('are as announced where topics are named', () => {
    const topics = new Map([['a', 3]])
    assert.equal(threadsPerTopic({ pattern: 'static', topics }, ['b']), topics)
  })

  it('are the same for all topics that a white list matches in full', () => {
    const threads = threadsPerTopic(list('white_list', 'up.*'), ['up', 'uploads', 'startup'])
    assert.deepEqual(threads, new Map(Object.entries({ up: 2, uploads: 2 })))
  })

  it('are those of all other topics with a black list', () => {
    const threads = threadsPerTopic(list('black_list', 'up.*'), ['up', 'uploads', 'startup'])
    assert.deepEqual(threads, new Map([['startup', 2]]))
  })

  it('leave out the internal topics of Kafka for patterns, as the consumer does by default', () => {
    const topics = ['__consumer_offsets', '__transaction_state', 't']
    assert.deepEqual(matching('.*', topics), ['t'])
    assert.deepEqual([...threadsPerTopic(list('black_list', 'x'), topics)!.keys()], ['t'])
  })

  it('take commas for alternatives and drop blanks and quotes, as the consumer does', () => {
    assert.deepEqual(matching(' "a, b" ', ['a', 'b', 'ab']), ['a', 'b'])
  })

  it('understand what Java and JavaScript have in common, and escapes that only Java allows', () => {
    assert.deepEqual(
      matching(String.raw`web\-logs\.[0-9]{2}`, ['web-logs.07', 'web-logs.7', 'web-logsx07']),
      ['web-logs.07'],
    )
    assert.deepEqual(matching(String.raw`[\w.\-]+`, ['a-b.c_d']), ['a-b.c_d'])
    assert.deepEqual(matching('a|ab', ['ab', 'abc']), ['ab'])
    assert.deepEqual(matching(String.raw`a\\.*`, ['a', 'ab']), [])
  })

  it('are unknown for syntax that means something else here, or nothing', () => {
    for (const text of [
      String.raw`\Qa.b\E`,
      '(?i)abc',
      'a*+',
      '[a-z&&[^b]]',
      '[a-c&&b]',
      '[a[bc]]',
      String.raw`\p{Alnum}`,
      '(',
    ])
      assert.equal(parseTopicPattern(text), null, text)
  })

  it('are unknown, soon, for a pattern that would take for ever', () => {
    const subscription = list('white_list', '(a+)+')
    const startMs = performance.now()
    assert.equal(threadsPerTopic(subscription, [`${'a'.repeat(60)}-`]), null)
    assert.ok(performance.now() - startMs < 5_000)
  })
})
