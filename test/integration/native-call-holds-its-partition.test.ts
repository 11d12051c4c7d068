import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { NativeCall } from '../support/native-call.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

/** Threads are terminated a quarter of it before its end: the call lasts longer than that, and not as long as the deadline. */
const DEADLINE_MS = 4_000
const CALL_SECONDS = 3.5

describe('a handler inside a native call, which nothing can cut', () => {
  it('holds its partition until the call has ended: only then it is released', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 1)
    const groupId = uniqueGroup()
    const call = new NativeCall(t, CALL_SECONDS)
    const { zookeeper } = sharedStack()
    const group = await runMember(t, call.handler(), { groupId, topics: [topic], zookeeper })
    const errors: string[] = []
    const hadEnded: boolean[] = []
    group.on('error', error => errors.push(error.code))
    group.on('partition:released', () => hadEnded.push(call.hasEnded))
    await call.begun()
    await group.stop({ timeoutMs: DEADLINE_MS })
    assert.deepEqual(hadEnded, [true])
    assert.deepEqual(errors, ['STOP_TIMEOUT'])
    assert.deepEqual(await readOffsets(groupId, topic), [0])
  })
})
