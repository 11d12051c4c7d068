import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { valueDecoder } from '#src/worker/decode/value-decoders.js'
import { LaneRecord } from '#src/worker/record.js'
import { RingEntries } from '#src/worker/ring/ring-entry.js'
import { readerOf, smallRing } from '../../../support/ring.ts'

const ORIGIN = { topic: 't', partition: 0, decode: valueDecoder() }
/** What is copied word by word, and what is not; each of them with every remainder. */
const SIZES = [...Array.from({ length: 70 }, (_, bytes) => bytes), 255, 256, 257, 258, 259, 4096, 10_001]

function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 31 + seed) & 0xff))
}

function copyOf(entries: RingEntries): LaneRecord<Buffer> {
  return new LaneRecord(ORIGIN, entries.read(0)) as LaneRecord<Buffer>
}

describe('entries of a ring', () => {
  it('give back what was written, whatever the sizes of its parts', () => {
    const entries = new RingEntries(smallRing({ dataBytes: 65_536 }))
    for (const keyBytes of [0, 1, 2, 3, 4, 7])
      for (const valueBytes of SIZES) {
        const [key, value] = [bytesOf(keyBytes, 1), bytesOf(valueBytes, 2)]
        entries.write(0, readerOf({ offset: 1, key, value }))
        const record = copyOf(entries)
        assert.deepEqual([record.key, record.value], [key, value])
      }
  })

  it('copies stay as they are while the entry is written and copied anew', () => {
    const entries = new RingEntries(smallRing({ dataBytes: 65_536 }))
    const copies = SIZES.flatMap(size => [size, size]).map((size, index) => {
      const value = bytesOf(size, index)
      entries.write(0, readerOf({ offset: index, value }))
      return { value, record: copyOf(entries) }
    })
    for (const { value, record } of copies) assert.deepEqual(record.value, value)
  })

  it('nobody can take away the memory that copies of small records share', () => {
    const entries = new RingEntries(smallRing())
    entries.write(0, readerOf({ offset: 0, value: Buffer.from('one') }))
    const value = copyOf(entries).value!
    try {
      structuredClone(value, { transfer: [value.buffer as ArrayBuffer] })
    } catch (error) {
      assert.equal((error as Error).name, 'DataCloneError') // older ones of Node copy it instead
    }
    assert.equal(value.toString(), 'one')
  })
})
