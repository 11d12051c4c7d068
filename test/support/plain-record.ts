import type { LaneRecord } from '#src/worker/record.js'
import type { TestRecord } from './record-batches.ts'

/** A record that was read, in a form that compares with `asWritten`. */
export function asRead(record: LaneRecord<Buffer>): object {
  const headers = Object.entries(record.headers).map(([name, value]) => [name, [value].flat()])
  return {
    ...picked(record),
    offset: Number(record.offset),
    headers: new Map(headers as [string, Buffer[]][]),
  }
}

export function asWritten(record: TestRecord): object {
  const headers = new Map<string, Buffer[]>()
  for (const [name, value] of record.headers ?? [])
    headers.set(name, [...(headers.get(name) ?? []), value ?? Buffer.alloc(0)])
  return { ...picked(record as Required<TestRecord>), offset: record.offset, headers }
}

function picked({
  timestamp,
  key,
  value,
}: {
  timestamp: number
  key: Buffer | null
  value: Buffer | null
}): object {
  return { timestamp, key: key?.toString('hex') ?? null, value: value?.toString('hex') ?? null }
}
