import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isGroupError } from '#src/shared/errors.js'
import { decodeMetadata } from '#src/shared/kafka/flexible-metadata.js'
import { metadataExchange, type ClusterMetadata } from '#src/shared/kafka/metadata.js'
import { rejection, thrown } from '../../../support/group-error.ts'
import { metadataAnswer } from '../../../support/kafka-answers.ts'

const FLEXIBLE = [10, 11, 12]
const NO_ID = '00'.repeat(16)

const PLAIN = { noNullPrototype: true }
const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,200}$/)
const int32 = fc.integer({ min: -1, max: 2 ** 31 - 1 })
const errorCode = fc.integer({ min: -1, max: 120 })
/** Not all zeros: that is no id. */
const topicId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter(bytes => bytes.some(byte => byte !== 0))
  .map(bytes => Buffer.from(bytes).toString('base64url'))

const topic = fc.record(
  {
    topic: name,
    errorCode,
    topicId: fc.option(topicId),
    partitions: fc
      .array(fc.record({ leader: int32, errorCode }, PLAIN), { maxLength: 200 })
      .map(of => of.map((one, partition) => ({ partition, ...one }))),
  },
  PLAIN,
)

const metadata: fc.Arbitrary<ClusterMetadata> = fc.record(
  {
    brokers: fc.array(fc.record({ nodeId: int32, host: name, port: int32 }, PLAIN), { maxLength: 5 }),
    topics: fc.array(topic, { maxLength: 5 }),
  },
  PLAIN,
)

async function encoded(topics: string[], version: number): Promise<string> {
  const { request } = metadataExchange(topics, version)
  return (await request.encode()).buffer.toString('hex')
}

describe('asking for metadata', () => {
  it('writes flexible versions as brokers with topic ids read them, and creates no topic', async () => {
    const orders = `${NO_ID}07${Buffer.from('orders').toString('hex')}00`
    assert.equal(await encoded(['orders'], 12), `0002${orders}000000`)
    assert.equal(await encoded(['orders', 'orders'], 11), `0003${orders}${orders}000000`)
    assert.equal(await encoded(['orders'], 10), `0002${orders}00000000`)
  })

  it('asks brokers without topic ids as kafkajs does', async () => {
    const classic = `000000010006${Buffer.from('orders').toString('hex')}00`
    for (const [spoken, sent] of [
      [4, 4],
      [6, 6],
      [9, 6],
    ] as const) {
      assert.equal(metadataExchange([], spoken).request.apiVersion, sent)
      assert.equal(await encoded(['orders'], spoken), classic)
    }
  })

  it('reads back what a broker wrote, in every version', () => {
    fc.assert(
      fc.property(metadata, fc.constantFrom(...FLEXIBLE), (written, version) => {
        const read = decodeMetadata(metadataAnswer(written, version), version)
        assert.deepEqual(read, { ...written, clientSideThrottleTime: 0 })
      }),
    )
  })

  it('tells no topic id where the broker has none', async () => {
    const { response } = metadataExchange(['orders'], 6)
    const written = {
      brokers: [{ nodeId: 1, host: 'b', port: 1 }],
      topics: [{ topic: 'orders', errorCode: 0, topicId: 'ignored', partitions: [] }],
    }
    const read = await response.parse(await response.decode(metadataAnswer(written, 6)))
    assert.deepEqual(read, { ...written, topics: [{ ...written.topics[0], topicId: null }] })
  })

  it('says of partition numbers with a gap, or given twice, that they are damaged', async () => {
    const answer = (numbers: number[]): ClusterMetadata => ({
      brokers: [],
      topics: [
        {
          topic: 'orders',
          errorCode: 0,
          topicId: null,
          partitions: numbers.map(partition => ({ partition, leader: 1, errorCode: 0 })),
        },
      ],
    })
    for (const numbers of [[2 ** 31 - 1], [0, 2], [0, 0], [-1, 0]]) {
      thrown(() => decodeMetadata(metadataAnswer(answer(numbers)), 12), 'RESPONSE_CORRUPT')
      const { response } = metadataExchange(['orders'], 6)
      await rejection(
        Promise.resolve(response.decode(metadataAnswer(answer(numbers), 6))),
        'RESPONSE_CORRUPT',
      )
    }
    const [topic] = decodeMetadata(metadataAnswer(answer([1, 0])), 12).topics
    assert.deepEqual(
      topic!.partitions.map(({ partition }) => partition),
      [0, 1],
    )
  })

  it('says of damaged bytes that they are damaged, and nothing else', () => {
    fc.assert(
      fc.property(metadata, fc.infiniteStream(fc.nat()), (written, draws) => {
        const bytes = metadataAnswer(written)
        const [at, value, length] = [...draws.take(3)] as [number, number, number]
        bytes[at % bytes.length] = value % 256
        try {
          decodeMetadata(bytes.subarray(0, length % (bytes.length + 1)), 12)
        } catch (error) {
          assert.ok(isGroupError(error, 'RESPONSE_CORRUPT'), String(error))
        }
      }),
    )
    const endless = Buffer.from([0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])
    assert.match(thrown(() => decodeMetadata(endless, 12), 'RESPONSE_CORRUPT').message, /more than 32 bits/)
  })
})
