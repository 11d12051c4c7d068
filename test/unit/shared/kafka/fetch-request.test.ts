import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fetchExchange, type FetchRequest } from '#src/shared/kafka/fetch-request.js'
import { ResponseReader } from '#src/shared/kafka/response-reader.js'
import { fetchAnswer } from '../../../support/kafka-answers.ts'

const REQUEST: FetchRequest = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 1_000_000,
  readCommitted: true,
  partitions: [
    { topic: 'b', partition: 2, offset: 2 ** 40, maxBytes: 100 },
    { topic: 'b', partition: 0, offset: 7, maxBytes: 100 },
    { topic: 'a', partition: 1, offset: 0, maxBytes: 200 },
    { topic: 'b', partition: 1, offset: 3, maxBytes: 300 },
  ],
}

/** The positions of an encoded Fetch 11, in the order of the wire. */
async function positionsOf(request: FetchRequest): Promise<string[]> {
  const bytes = (await fetchExchange(request, 11, 30_000).request.encode()).buffer
  const reader = new ResponseReader(bytes.subarray(17), 'the request') // behind replica, wait, bytes, isolation
  assert.deepEqual([reader.int32(), reader.int32()], [0, -1], 'no session')
  const found: string[] = []
  for (let topics = reader.arrayLength(1); topics > 0; topics -= 1) {
    const topic = reader.string()
    for (let left = reader.arrayLength(1); left > 0; left -= 1) {
      const partition = reader.int32()
      reader.int32()
      const offset = reader.offset()
      reader.offset()
      found.push(`${topic}/${partition}@${offset}:${reader.int32()}`)
    }
  }
  return found
}

describe('encoding a fetch', () => {
  it("keeps the caller's order of partitions, also when topics alternate", async () => {
    assert.deepEqual(await positionsOf(REQUEST), [
      'b/2@1099511627776:100',
      'b/0@7:100',
      'a/1@0:200',
      'b/1@3:300',
    ])
  })

  it('asks for the isolation level', async () => {
    for (const readCommitted of [true, false]) {
      const encoded = await fetchExchange({ ...REQUEST, readCommitted }, 11, 30_000).request.encode()
      assert.equal(encoded.buffer.readInt8(16), readCommitted ? 1 : 0)
    }
  })

  it('gives the answer the long poll on top of the request timeout', () => {
    assert.equal(fetchExchange(REQUEST, 11, 30_000).requestTimeout, 30_500)
  })

  it('pauses for a throttle only where the broker leaves that to the client', async () => {
    const pause = async (version: number): Promise<number> => {
      const payload = fetchAnswer({ throttleTimeMs: 250, partitions: [] }, version)
      return (await fetchExchange(REQUEST, version, 30_000).response.decode(payload)).clientSideThrottleTime
    }
    assert.deepEqual([await pause(7), await pause(8), await pause(11)], [0, 250, 250])
  })
})
