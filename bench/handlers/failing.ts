// ?file=…&partitions=…&clean: what becomes of a record follows from its place; each start is one byte pair in the file's line.
import { openSync, writeSync } from 'node:fs'
import type { KafkaRecord } from '#src/index.js'
import { kindOf } from '../lib/failure-mix.js'
import { burnNativeCpu } from '../lib/native-cpu.js'

const parameters = new URL(import.meta.url).searchParams
const partitions = Number(parameters.get('partitions'))
const isClean = parameters.has('clean')
let file = -1

export function setup(): void {
  file = openSync(parameters.get('file')!, 'a')
}

export default function handle(record: KafkaRecord<Buffer>): void {
  const number = Number(record.offset) * partitions + record.partition
  writeSync(file, `${number} ${record.attempt}\n`)
  burnNativeCpu(record.value!)
  if (isClean) return
  const kind = kindOf(number)
  if (kind === 'fail' || (kind === 'twice' && record.attempt <= 2)) throw new Error(`record ${number} fails`)
  if (kind === 'kill') process.exit(7)
  if (kind === 'block') for (;;);
}
