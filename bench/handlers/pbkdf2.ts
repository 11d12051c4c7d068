import { burnNativeCpu } from '../lib/native-cpu.js'
import type { KafkaRecord } from '#src/index.js'

export default function handle(record: KafkaRecord<Buffer>): void {
  burnNativeCpu(record.value!)
}
