import type { Command } from 'commander'
import { resetOffsets, type ResetOffsetsOptions } from '../coordinator/visits/reset-offsets.ts'
import type { ResetOffset } from '../coordinator/storage/zookeeper/offset-reset.ts'
import { readGroupConfig } from './config-file.ts'
import { mergeFlags, resetOptionsOf, namingFlags, type GroupFlags, type ResetFlags } from './flags.ts'
import { formatTable, printJson, printLine } from './output.ts'

interface OffsetsResetFlags extends Pick<GroupFlags, 'group' | 'zookeeper' | 'brokers'>, ResetFlags {
  config?: string
  json?: boolean
}

const COLUMNS = ['topic', 'partition', 'from', 'to'] as const

export function addOffsetsCommand(program: Command): void {
  program
    .command('offsets')
    .description('the committed offsets of a group')
    .command('reset')
    .description('set where a group without members starts to read a topic: all partitions or none')
    .option('--group <name>', 'name of the group')
    .option('--topic <name>', 'topic whose offsets are set')
    .option(
      '--to <where>',
      'earliest, latest, an offset, or a time with its zone such as 2026-01-31T12:00:00Z: its first record from then on',
    )
    .option('--partitions <numbers>', 'only these, separated by commas (default: all)')
    .option('--zookeeper <servers>', 'host:port,host:port/chroot')
    .option('--brokers <addresses>', 'host:port,host:port (default: those ZooKeeper lists)')
    .option('--config <file>', 'JSON file of `kwg run`, for TLS and SASL settings; flags win')
    .option('--json', 'print one JSON object per line for each partition')
    .action(reset)
}

async function reset({ json, config, ...flags }: OffsetsResetFlags): Promise<void> {
  const offsets = await namingFlags(resetAsTold(config, flags))
  if (json === true) for (const offset of offsets) printJson(offset)
  else printLine(formatTable(COLUMNS, offsets.map(cells)))
}

async function resetAsTold(
  config: string | undefined,
  flags: GroupFlags & ResetFlags,
): Promise<ResetOffset[]> {
  const given = { ...mergeFlags(await readGroupConfig(config), flags), ...resetOptionsOf(flags) }
  return resetOffsets(given as ResetOffsetsOptions) // not checked yet: it does
}

function cells(offset: ResetOffset): string[] {
  return COLUMNS.map(column => String(offset[column] ?? '-'))
}
