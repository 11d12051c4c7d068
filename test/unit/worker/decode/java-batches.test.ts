import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { BATCH_CODECS } from '#src/worker/decode/codecs/registry.js'
import { loadZstdInWasm } from '#src/worker/decode/codecs/zstd-in-wasm.js'
import { RecordCursor } from '#src/worker/decode/record-cursor.js'
import type { LaneRecord } from '#src/worker/record.js'
import { readRecords, recordAt } from '../../../support/read-records.ts'

/** See GenerateBatches.java beside the file: Kafka's own code wrote the bytes and read the records. */
interface JavaBatch {
  name: string
  bytes: string
  records: JavaRecord[]
}

interface JavaRecord {
  offset: number
  timestamp: number
  key: string | null
  valueSha256: string | null
  headers: [string, string | null][]
}

const fixture = new URL('../../../../../test/fixtures/java-batches/batches.json', import.meta.url)
const batches = JSON.parse(readFileSync(fixture, 'utf8')) as JavaBatch[]

describe('batches that Java wrote', () => {
  for (const batch of batches) {
    it(`are read as Java reads them: ${batch.name}`, () => {
      const records = readRecords(Buffer.from(batch.bytes, 'base64'))
      assert.deepEqual(records.map(asJavaReads), batch.records.map(withOurHeaders))
    })
  }

  for (const batch of batches.filter(({ name }) => name.includes('zstd'))) {
    it(`are read as Java reads them by the Zstandard for Node versions without: ${batch.name}`, () => {
      const codecs = new Map([...BATCH_CODECS, [4, loadZstdInWasm()]])
      const cursor = new RecordCursor({ maxBatchBytes: 2 ** 24, readCommitted: true, codecs })
      cursor.reset(Buffer.from(batch.bytes, 'base64'), 0, null)
      const records: LaneRecord<Buffer>[] = []
      while (cursor.next()) records.push(recordAt(cursor))
      assert.deepEqual(records.map(asJavaReads), batch.records.map(withOurHeaders))
    })
  }
})

function asJavaReads(record: LaneRecord<Buffer>): object {
  return {
    offset: Number(record.offset),
    timestamp: record.timestamp,
    key: record.key?.toString('hex') ?? null,
    valueSha256: record.value === null ? null : digest(record.value),
    headers: Object.entries(record.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(one => one.toString('hex')) : value.toString('hex'),
    ]),
  }
}

/** Java keeps headers as a list and knows null values; we group them by name, and null becomes empty. */
function withOurHeaders(record: JavaRecord): object {
  const names = new Set(record.headers.map(([name]) => name))
  const headers = [...names].map(name => {
    const values = record.headers.filter(header => header[0] === name).map(header => header[1] ?? '')
    return [name, values.length === 1 ? values[0] : values]
  })
  return { ...record, headers }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}
