// ?one-in=…: of so many records, drawn at random, one takes much longer.
import type { KafkaRecord } from '#src/index.js'
import { burnMixed } from '../lib/mixed-costs.js'

const slowOneIn = Number(new URL(import.meta.url).searchParams.get('one-in'))

export default function handle(record: KafkaRecord<Buffer>): void {
  burnMixed(record.value!, Number(record.offset), slowOneIn)
}
