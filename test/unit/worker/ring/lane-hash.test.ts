import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { xxHash32 } from '#src/worker/decode/codecs/xxhash32.js'
import { keyHash, laneOf } from '#src/worker/ring/lane-hash.js'
import { fnv1a, murmur2, PARTITIONERS } from '../../../support/partitioners.ts'

const KEYS = 64_000
const LANES = [2, 3, 7, 16, 64, 100]

const uuid = (index: number): string => {
  const hex = createHash('md5').update(String(index)).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}
const bigEndian = (bytes: 4 | 8) => (index: number) => {
  const key = Buffer.alloc(bytes)
  key.writeUInt32BE(index, bytes - 4)
  return key
}

const KEY_SETS: Readonly<Record<string, (index: number) => string | Buffer>> = {
  UUIDs: uuid,
  'sequential integers as text': index => String(index),
  'e-mail addresses': index => `user.${index % 977}.${Math.floor(index / 977)}@mail${index % 13}.example.com`,
  'big-endian integers of 32 bits': bigEndian(4),
  'big-endian integers of 64 bits': bigEndian(8),
  'long common prefixes': index => `tenant/eu-west-1/production/orders/2026/customer/${index.toString(36)}`,
  'integers padded with zeros': index => String(index).padStart(20, '0'),
  'multiples of 64': index => String(index * 64),
}

const keysOf = (make: (index: number) => string | Buffer): Buffer[] =>
  Array.from({ length: KEYS }, (_, index) => Buffer.from(make(index) as string))

function hashOf(key: Uint8Array): number {
  return keyHash({ bytes: key, keyStart: 0, keyEnd: key.length })
}

/** Any record with a key. */
const KEYED = { offset: 0, bytes: Buffer.from('key'), keyStart: 0, keyEnd: 3 }

/** How many keys with these hashes each lane has. */
function filling(hashes: Iterable<number>, lanes: number): number[] {
  const counts = Array<number>(lanes).fill(0)
  for (const hash of hashes) counts[laneOf(KEYED, hash, lanes)]! += 1
  return counts
}

/** How many standard deviations the chi-square of the counts is above what chance gives. */
function unevenness(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  const freedom = counts.length - 1
  return (chiSquare - freedom) / Math.sqrt(2 * freedom)
}

/** Of thousands of fillings by chance, the most uneven one is less so than this. */
const LIMIT = 7

function assertEven(counts: readonly number[], what: string): void {
  assert.ok(unevenness(counts) < LIMIT, `${what}: ${unevenness(counts)} in ${counts.join(' ')}`)
  assert.ok(!counts.includes(0), `${what}: an empty lane in ${counts.join(' ')}`)
}

describe('the lanes of keys', () => {
  for (const [name, make] of Object.entries(KEY_SETS)) {
    const keys = keysOf(make)
    const hashes = keys.map(hashOf)

    it(`are filled evenly with ${name}`, () => {
      for (const lanes of LANES) assertEven(filling(hashes, lanes), `${lanes} lanes`)
    })

    for (const [partitioner, partitionHash] of Object.entries(PARTITIONERS))
      it(`are filled evenly with those ${name} that ${partitioner} puts into one partition`, () => {
        const theirs = keys.map(partitionHash)
        for (let partitions = 2; partitions <= 64; partitions += 1) {
          const chosen = hashes.filter((_, index) => theirs[index]! % partitions === partitions - 1)
          // A partitioner may leave a partition nearly without such keys: then they tell nothing.
          for (const lanes of [16, 64])
            if (chosen.length >= 10 * lanes)
              assertEven(filling(chosen, lanes), `${partitions} partitions, ${lanes} lanes`)
        }
      })
  }

  it('would not be with the hash of the partitioner', () => {
    const keys = keysOf(uuid)
    for (const partition of Object.values(PARTITIONERS)) {
      const ofOne = keys.map(partition).filter(hash => hash % 8 === 3)
      const counts = filling(ofOne, 64)
      assert.ok(counts.includes(0) && unevenness(counts) > LIMIT)
    }
  })

  it('take records without a key in turn', () => {
    const withoutKey = (offset: number) => ({ offset, bytes: Buffer.from('abc'), keyStart: 0, keyEnd: -1 })
    const lanes = [2 ** 40, 2 ** 40 + 1, 2 ** 40 + 65].map(offset => {
      const record = withoutKey(offset)
      return laneOf(record, keyHash(record), 64)
    })
    assert.deepEqual(lanes, [0, 1, 1])
  })

  it('tell an empty key from none, and look at nothing beside the key', () => {
    const bytes = Buffer.from('...key...')
    assert.equal(keyHash({ bytes, keyStart: 3, keyEnd: 6 }), hashOf(Buffer.from('key')))
    assert.equal(keyHash({ bytes, keyStart: 3, keyEnd: 3 }), hashOf(Buffer.alloc(0)))
    assert.notEqual(hashOf(Buffer.alloc(0)), 0)
  })

  it('are the same in every version: progress is kept by them', () => {
    assert.deepEqual([hashOf(Buffer.from('key')), hashOf(Buffer.from(uuid(0)))], [624_191_401, 2_601_041_980])
  })
})

describe('xxHash32', () => {
  it('is that of its specification, short and long, with a seed and without', () => {
    const of = (text: string, seed = 0): number => xxHash32(Buffer.from(text), seed)
    assert.equal(of(''), 0x02cc5d05)
    assert.equal(of('', 0x9e3779b1), 0x36b78ae7)
    assert.equal(of('a'), 0x550d7456)
    assert.equal(of('abc'), 0x32d153ff)
    assert.equal(of('Nobody inspects the spammish repetition'), 0xe2293b2f)
  })
})

describe('the hashes of partitioners', () => {
  it('are what producers use', () => {
    assert.equal(murmur2(Buffer.from('21')), -973932308)
    assert.equal(murmur2(Buffer.from('foobar')), -790332482)
    assert.equal(murmur2(Buffer.from('a-little-bit-long-string')), -985981536)
    assert.equal(fnv1a(Buffer.from('foobar')) >>> 0, 0xbf9cf968)
  })
})
