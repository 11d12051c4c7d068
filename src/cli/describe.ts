import type { Command } from 'commander'
import {
  describeGroup,
  type DescribeGroupOptions,
  type DescribedPartition,
  type GroupDescription,
} from '../coordinator/visits/describe-group.ts'
import type { DescribedMember } from '../coordinator/visits/described-members.ts'
import { readGroupConfig } from './config-file.ts'
import { mergeFlags, namingFlags, type GroupFlags } from './flags.ts'
import { formatTable, printJson, printLine } from './output.ts'

interface DescribeFlags extends Pick<GroupFlags, 'group' | 'zookeeper' | 'brokers'> {
  config?: string
  json?: boolean
}

const PARTITION_COLUMNS = ['topic', 'partition', 'owner', 'committed', 'end', 'lag'] as const
const MEMBER_COLUMNS = ['member', 'kind', 'threads', 'topics', 'partitions'] as const

export function addDescribeCommand(program: Command): void {
  program
    .command('describe')
    .description(
      'show the partitions of a group (owner, committed offset, end of the log, lag) and its members',
    )
    .option('--group <name>', 'name of the group')
    .option('--zookeeper <servers>', 'host:port,host:port/chroot')
    .option('--brokers <addresses>', 'host:port,host:port (default: those ZooKeeper lists)')
    .option('--config <file>', 'JSON file of `kwg run`, for TLS and SASL settings; flags win')
    .option('--json', 'print one JSON object per line: partitions, members, the group')
    .action(describe)
}

async function describe({ json, config, ...flags }: DescribeFlags): Promise<void> {
  const description = await namingFlags(read(config, flags))
  if (json === true) printLines(description)
  else printTables(description)
}

async function read(config: string | undefined, flags: GroupFlags): Promise<GroupDescription> {
  const given = mergeFlags(await readGroupConfig(config), flags)
  return describeGroup(given as DescribeGroupOptions) // not checked yet: it does
}

/** Each kind of line begins with a field that no other has: `topic`, `member`, `group`, `trouble`. */
function printLines({ groupId, assignBy, partitions, members, troubles }: GroupDescription): void {
  for (const line of [...partitions, ...members]) printJson(line)
  printJson({ group: groupId, assignBy, members: countLive(members) })
  for (const { code, message, details } of troubles) printJson({ trouble: code, message, details })
}

function printTables({ assignBy, partitions, members, troubles }: GroupDescription): void {
  printLine(formatTable(PARTITION_COLUMNS, partitions.map(partitionCells)))
  printLine('')
  if (members.length > 0) printLine(`${formatTable(MEMBER_COLUMNS, members.map(memberCells))}\n`)
  printLine(summary(countLive(members), assignBy))
  for (const { code, message } of troubles) printLine(`${code}: ${message}`)
}

function partitionCells(partition: DescribedPartition): string[] {
  return PARTITION_COLUMNS.map(column => cell(partition[column]))
}

function memberCells(member: DescribedMember): string[] {
  const topics = member.topics?.join(',') ?? member.pattern
  return MEMBER_COLUMNS.map(column => cell(column === 'topics' ? topics : member[column]))
}

/** Owner nodes of others may hold anything. */
function cell(value: string | number | null): string {
  return String(value ?? '-').replaceAll(/\p{Cc}/gu, '?')
}

function summary(live: number, assignBy: string | null): string {
  if (assignBy === null) return 'no members'
  return `${live} ${live === 1 ? 'member' : 'members'}, partitions assigned by: ${assignBy}`
}

function countLive(members: readonly DescribedMember[]): number {
  return members.filter(member => member.kind !== 'absent').length
}
