import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ensureDeadLetterTopic } from '#src/coordinator/dead-letters/dead-letter-topic.js'
import type { TopicDescription } from '#src/coordinator/kafka/cluster.js'
import { createTopic } from '#src/coordinator/kafka/create-topic.js'
import { GroupError } from '#src/shared/errors.js'
import { rejection } from '../../../support/group-error.ts'

const described = (exists: boolean, refusal: GroupError | null = null): TopicDescription => ({
  topic: 'letters',
  exists,
  refusal,
  topicId: null,
  partitions: [],
})

describe('the dead-letter topic at the start', () => {
  /** Describes the topic like this, one answer after the other. */
  async function ensure(...answers: TopicDescription[]): Promise<number> {
    let made = 0
    await ensureDeadLetterTopic(
      {
        describeTopics: async () => [answers.shift()!],
        createTopic: async () => {
          made += 1
        },
      },
      'letters',
    )
    return made
  }

  it('is left alone if it is there, else made', async () => {
    assert.equal(await ensure(described(true)), 0)
    assert.equal(await ensure(described(false), described(true)), 1)
  })

  it('is unavailable if it may not be seen, or does not show after it was made', async () => {
    const refusal = new GroupError('BROKER_REFUSED', 'TOPIC_AUTHORIZATION_FAILED (29)')
    const refused = await rejection(ensure(described(false, refusal)), 'DEAD_LETTER_TOPIC_UNAVAILABLE')
    assert.equal(refused.cause, refusal)
    await rejection(ensure(described(false), described(false)), 'DEAD_LETTER_TOPIC_UNAVAILABLE')
  })
})

describe('making a topic', () => {
  const BROKERS = [1, 2, 3].map(nodeId => ({ nodeId, host: 'b', port: nodeId }))

  /** What each broker answers, in the order in which they are asked; a text is the code of an error. */
  async function make(...answers: (number | 'BROKER_DISCONNECTED')[]): Promise<number[]> {
    const asked: number[] = []
    await createTopic('t', {
      brokers: async () => BROKERS,
      ask: async ({ nodeId }) => {
        asked.push(nodeId)
        const answer = answers.shift()!
        if (typeof answer === 'string') throw new GroupError(answer, 'away')
        return { errorCode: answer, message: 'the words of the broker' }
      },
      signal: new AbortController().signal,
    })
    return asked
  }

  it('asks on until the controller was asked', async () => {
    assert.deepEqual(await make(41, 'BROKER_DISCONNECTED', 0), [1, 2, 3])
    assert.deepEqual(await make(41, 41, 41, 41, 7, 36), [1, 2, 3, 1, 2, 3])
  })

  it('takes one that is there already', async () => {
    assert.deepEqual(await make(36), [1])
  })

  it('gives up when the controller refuses, with its words', async () => {
    const error = await rejection(make(41, 44, 0), 'BROKER_REFUSED')
    assert.match(error.message, /topic "t" was not made: POLICY_VIOLATION \(44\) \(the words of the broker\)/)
  })
})
