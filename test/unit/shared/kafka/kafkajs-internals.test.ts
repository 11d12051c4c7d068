import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertKnownKafkajs } from '#src/shared/kafka/kafkajs-internals.js'
import { thrown } from '../../../support/group-error.ts'

describe('the internals of kafkajs', () => {
  it('are used of the one release they are known for', () => {
    assertKnownKafkajs('2.2.4')
    assert.match(thrown(() => assertKnownKafkajs('2.2.5'), 'INTERNAL').message, /install exactly/)
  })
})
