import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HandledRecord, LedgerLine, ThreadLedger } from './history.ts'

const HANDLER = new URL('../../../test/fixtures/handlers/chaos.js', import.meta.url)

/** URL of the handler that writes into `directory`, for one process. */
export function chaosHandler(directory: string, process: string): URL {
  const url = new URL(HANDLER)
  url.searchParams.set('directory', directory)
  url.searchParams.set('process', process)
  return url
}

export interface Ledgers {
  readonly handled: readonly HandledRecord[]
  readonly threads: readonly ThreadLedger[]
}

/** Everything that all processes wrote: one file per thread, named `<process>_<thread>.ledger`. */
export function readLedgers(directory: string): Ledgers {
  const handled: HandledRecord[] = []
  const threads: ThreadLedger[] = []
  for (const name of readdirSync(directory).sort()) {
    const [process, thread] = name.replace(/\.ledger$/, '').split('_')
    const of = { process: process!, threadId: Number(thread) }
    const read = parseLedger(readFileSync(join(directory, name), 'utf8'), of)
    handled.push(...read.handled)
    threads.push({ ...of, lines: read.lines })
  }
  return { handled, threads }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** A last line without its end was torn by the death of its process: what it was to tell had not begun, or not ended. */
export function parseLedger(
  text: string,
  of: { readonly process: string; readonly threadId: number },
): { handled: HandledRecord[]; lines: LedgerLine[] } {
  const handled: Mutable<HandledRecord>[] = []
  const lines: LedgerLine[] = []
  const open = new Map<string, Mutable<HandledRecord>>()
  for (const line of text.split('\n').slice(0, -1)) {
    const [letter, partition, offset, epoch, atMs, key] = line.split(' ')
    const place = { partition: Number(partition), offset: Number(offset), epoch: BigInt(epoch!) }
    const name = `${partition}/${offset}@${epoch}`
    lines.push({ what: letter === 's' ? 'start' : 'end', ...place })
    if (letter === 's') {
      const one = { ...of, ...place, line: handled.length, key: key!, startMs: Number(atMs), endMs: null }
      handled.push(one)
      open.set(name, one)
    } else {
      const started = open.get(name)
      if (started === undefined) throw new Error(`${of.process}: an end without a start: ${line}`)
      started.endMs = Number(atMs)
      open.delete(name)
    }
  }
  return { handled, lines }
}
