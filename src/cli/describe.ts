import type { Command } from 'commander'
import { describeGroup, type DescribeGroupOptions, type GroupRow } from '../coordinator/describe-group.ts'
import { readConfigFile } from './config-file.ts'
import { mergeFlags, withFlagNames, type GroupFlags } from './flags.ts'
import { formatTable, printJson, printLine } from './output.ts'

interface DescribeFlags extends Pick<GroupFlags, 'group' | 'zookeeper' | 'brokers'> {
  config?: string
  json?: boolean
}

const COLUMNS = ['topic', 'partition', 'owner', 'committed', 'end', 'lag'] as const

export function addDescribeCommand(program: Command): void {
  program
    .command('describe')
    .description('show the partitions of a group: owner, committed offset, end of the log, lag')
    .option('--group <name>', 'name of the group')
    .option('--zookeeper <servers>', 'host:port,host:port/chroot')
    .option('--brokers <addresses>', 'host:port,host:port (default: those ZooKeeper lists)')
    .option('--config <file>', 'JSON file of `kwg run`, for TLS and SASL settings; flags win')
    .option('--json', 'print one JSON object per line for each partition')
    .action(describe)
}

async function describe({ json, config, ...flags }: DescribeFlags): Promise<void> {
  const rows = await readRows(config, flags).catch((thrown: unknown) => {
    throw withFlagNames(thrown)
  })
  if (json === true) for (const row of rows) printJson(row)
  else printLine(formatTable(COLUMNS, rows.map(cells)))
}

async function readRows(config: string | undefined, flags: GroupFlags): Promise<GroupRow[]> {
  const file = config === undefined ? {} : await readConfigFile(config)
  const { groupId, zookeeper, kafka } = file // the rest of the file says how to run a member
  const given = mergeFlags({ groupId, zookeeper, kafka }, flags)
  return describeGroup(given as DescribeGroupOptions) // not checked yet: it does
}

function cells(row: GroupRow): string[] {
  return COLUMNS.map(column => String(row[column] ?? '-'))
}
