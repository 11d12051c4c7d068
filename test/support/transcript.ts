import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaneRecord } from '#src/worker/record.js'
import type { Owner } from './cleanup.ts'
import type { JavaRecord } from './java.ts'
import { temporaryDirectory } from './temporary.ts'

/** A record with everything in it, bytes as base64, in a form that compares. */
export interface TranscriptLine {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  /** By name, each with its values in their order. */
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[]
}

const HANDLER = new URL('../../../test/fixtures/handlers/transcript.js', import.meta.url)

/** A file that the handlers of a test write whole records into; gone with the test. */
export class Transcript {
  readonly handler: URL
  readonly #file: string

  constructor(owner: Owner) {
    const directory = temporaryDirectory(owner)
    this.#file = join(directory, 'records.jsonl')
    this.handler = new URL(HANDLER)
    this.handler.searchParams.set('file', this.#file)
  }

  /** What the handlers saw, by partition, in their order. */
  read(): Map<number, TranscriptLine[]> {
    if (!existsSync(this.#file)) return new Map()
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
    return byPartition(lines.map(line => JSON.parse(line) as TranscriptLine))
  }
}

/** What the Java consumer saw, in the same form. Our headers have no null value: it is an empty one. */
export function javaTranscript(records: readonly JavaRecord[]): Map<number, TranscriptLine[]> {
  return byPartition(
    records.map(({ partition, offset, timestamp, key, value, headers }) => {
      const values = new Map<string, string[]>()
      for (const [name, bytes] of headers)
        values.set(name, [...(values.get(name) ?? []), bytes?.toString('base64') ?? ''])
      const text = { key: key?.toString('base64') ?? null, value: value?.toString('base64') ?? null }
      return { partition, offset, timestamp, ...text, headers: [...values] }
    }),
  )
}

/** What was read here, in the same form. */
export function transcriptLine(record: LaneRecord<Buffer>): TranscriptLine {
  const { partition, offset, timestamp, key, value, headers } = record
  const text = { key: key?.toString('base64') ?? null, value: value?.toString('base64') ?? null }
  const lists = Object.entries(headers).map(([name, values]): [string, string[]] => [
    name,
    [values].flat().map(bytes => bytes.toString('base64')),
  ])
  return { partition, offset: Number(offset), timestamp, ...text, headers: lists }
}

/** Partitions in the order of their numbers: only the order within one means anything. */
function byPartition(lines: readonly TranscriptLine[]): Map<number, TranscriptLine[]> {
  const partitions = [...new Set(lines.map(line => line.partition))].sort((a, b) => a - b)
  return new Map(partitions.map(number => [number, lines.filter(line => line.partition === number)]))
}
