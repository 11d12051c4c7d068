import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseTopic } from '#src/coordinator/storage/zookeeper/topic-nodes.js'

const parse = (text: string): ReturnType<typeof parseTopic> => parseTopic(Buffer.from(text))

describe('the node of a topic', () => {
  it('tells its partitions and, from version 3 on, its id', () => {
    const partitions = '"partitions":{"0":[1,2],"1":[2],"2":[1]}'
    const id = '"topic_id":"Zx0kVhSsQ5K3bWg1cYJt4A"'
    assert.deepEqual(parse(`{"removing_replicas":{},${partitions},${id},"adding_replicas":{},"version":3}`), {
      partitions: 3,
      topicId: 'Zx0kVhSsQ5K3bWg1cYJt4A',
    })
    assert.deepEqual(parse(`{"version":1,${partitions}}`), { partitions: 3, topicId: null })
  })

  it('says nothing when it holds something else, and never throws', () => {
    for (const text of ['', 'x', 'null', '[]', '{}', '{"partitions":null}', '{"partitions":3}'])
      assert.deepEqual(parse(text), { partitions: 0, topicId: null }, text)
    fc.assert(fc.property(fc.json(), text => parse(text).partitions >= 0))
  })
})
