import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from './cleanup.ts'
import { temporaryDirectory } from './temporary.ts'

/** One handled record, as the handler of `test/fixtures/handlers/ledger.js` wrote it when it started. */
export interface LedgerEntry {
  readonly partition: number
  readonly offset: number
  readonly startMs: number
  readonly epoch: bigint
  readonly threadId: number
  readonly key: string
  /** When the record was produced. */
  readonly producedMs: number
}

export interface LedgerHandler {
  readonly burnMs?: number
  readonly sleepMs?: number
  /** Only records with this key sleep. @defaultValue all */
  readonly sleepKey?: string
  /** `<partition>:<offset>:<ms>`: the record that blocks its thread, and for how long. */
  readonly block?: string
  /** The partition whose first record stays in hand until it is aborted, without blocking its thread. */
  readonly stuck?: number
  /** Records with this key never end, whatever their signal says. */
  readonly ignoreKey?: string
}

const HANDLER = new URL('../../../test/fixtures/handlers/ledger.js', import.meta.url)

/** A file that handlers of any number of processes append to; gone with the test. */
export class Ledger {
  readonly file: string

  constructor(t: Owner) {
    const directory = temporaryDirectory(t)
    this.file = join(directory, 'ledger.txt')
  }

  /** URL of a handler module that writes into this ledger. */
  handler(parameters: LedgerHandler = {}): URL {
    const url = new URL(HANDLER)
    url.searchParams.set('file', this.file)
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value))
    return url
  }

  /** All whole lines written so far, in the order of the file. */
  read(): LedgerEntry[] {
    if (!existsSync(this.file)) return []
    const lines = readFileSync(this.file, 'utf8').split('\n').slice(0, -1)
    return lines.map(parseLine)
  }

  get count(): number {
    return this.read().length
  }
}

function parseLine(line: string): LedgerEntry {
  const [partition, offset, startMs, epoch, threadId, key, producedMs] = line.split(' ')
  return {
    partition: Number(partition),
    offset: Number(offset),
    startMs: Number(startMs),
    epoch: BigInt(epoch!),
    threadId: Number(threadId),
    key: key!,
    producedMs: Number(producedMs),
  }
}

/** How often each partition/offset occurs. */
export function countByRecord(entries: readonly LedgerEntry[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { partition, offset } of entries) {
    const name = `${partition}/${offset}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** The first place where a partition's offsets do not grow within an epoch, or null. */
export function firstDisorder(entries: readonly LedgerEntry[]): string | null {
  const last = new Map<string, number>()
  for (const { partition, offset, epoch } of entries) {
    const lane = `${partition}@${epoch}`
    const before = last.get(lane)
    if (before !== undefined && offset <= before)
      return `partition ${partition}, epoch ${epoch}: ${offset} after ${before}`
    last.set(lane, offset)
  }
  return null
}

/** The first record that began before an earlier one of its key, or null. */
export function firstKeyOutOfOrder(entries: readonly LedgerEntry[]): string | null {
  const last = new Map<string, number>()
  for (const { partition, offset, key } of entries) {
    const name = `${partition} ${key}`
    const before = last.get(name) ?? -1
    if (offset <= before) return `${name}: ${offset} after ${before}`
    last.set(name, offset)
  }
  return null
}

/** The first record that an older claim of its partition started after a newer one had begun, or null. Epochs grow over claims. */
export function firstOverlap(entries: readonly LedgerEntry[]): string | null {
  const newest = new Map<number, LedgerEntry>()
  for (const entry of [...entries].sort((a, b) => a.startMs - b.startMs)) {
    const { partition, offset, epoch } = entry
    const other = newest.get(partition)
    if (other !== undefined && epoch < other.epoch)
      return `partition ${partition}: ${offset} of epoch ${epoch} after ${other.offset} of epoch ${other.epoch}`
    newest.set(partition, entry)
  }
  return null
}
