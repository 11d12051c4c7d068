import type { Command } from 'commander'
import { listDeadLetters, readDeadLetter, replayDeadLetters } from '../dead-letters/dead-letters.ts'
import type { StoredLetter } from '../dead-letters/letter.ts'
import type { ReplayedLetter } from '../dead-letters/replay.ts'
import { invalidOptions } from '../options/problems.ts'
import type { DeadLetterSearchOptions } from '../options/dead-letter-search.ts'
import { GroupError } from '../shared/errors.ts'
import { readBrokerConfig } from './config-file.ts'
import {
  deadLetterOptionsOf,
  mergeFlags,
  namingFlags,
  type DeadLetterFlags,
  type GroupFlags,
} from './flags.ts'
import {
  letterCells,
  letterJson,
  LETTER_COLUMNS,
  letterName,
  letterText,
  originName,
} from './letter-lines.ts'
import { formatTable, printJson, printLine, watchReader } from './output.ts'

interface CommonFlags extends Pick<GroupFlags, 'zookeeper' | 'brokers'>, DeadLetterFlags {
  config?: string
  json?: boolean
}

interface ReplayFlags extends CommonFlags {
  all?: boolean
  dryRun?: boolean
}

/** `kwg dead-letters list | show | replay`. */
export function addDeadLettersCommand(program: Command): void {
  const letters = program.command('dead-letters').description('the records that a group has given up')
  withFilters(withTopic(letters.command('list')))
    .description('list them, partition by partition, the oldest first')
    .option('--limit <number>', 'how many at most (default: 100)')
    .action(list)
  withTopic(letters.command('show'))
    .description(
      'show everything of one: where it comes from, why it was given up, its headers, key and value',
    )
    .argument('<partition:offset>', 'where it is in the dead-letter topic')
    .action(show)
  withFilters(withTopic(letters.command('replay')))
    .description('write them again to the partitions that they come from')
    .argument('[partition:offset...]', 'where they are in the dead-letter topic')
    .option('--all', 'all of them, or all that the filters let pass')
    .option('--dry-run', 'only say what would be done')
    .action(replay)
}

function withTopic(command: Command): Command {
  return command
    .option('--topic <name>', 'the dead-letter topic')
    .option('--zookeeper <servers>', 'host:port,host:port/chroot, to find the brokers')
    .option('--brokers <addresses>', 'host:port,host:port (default: those ZooKeeper lists)')
    .option('--config <file>', 'JSON file of `kwg run`, for TLS and SASL settings; flags win')
    .option('--json', 'print one JSON object per line')
}

function withFilters(command: Command): Command {
  return command
    .option('--origin-topic <name>', 'only records of this topic')
    .option('--code <code>', 'only records that failed with this error code')
    .option('--since <time>', 'only letters from then on, with its zone: 2026-01-31T12:00:00Z')
}

async function list({ json, ...flags }: CommonFlags): Promise<void> {
  watchReader(() => process.exit()) // whoever reads has seen enough
  const rows: string[][] = []
  const found = (letter: StoredLetter): void => {
    if (json === true) printJson(letterJson(letter))
    else rows.push(letterCells(letter))
  }
  const options = await optionsOf(flags, [])
  const { hasMore } = await namingFlags(listDeadLetters(options, found))
  if (json === true) {
    if (hasMore) printJson({ more: true })
    return
  }
  printLine(formatTable(LETTER_COLUMNS, rows))
  if (hasMore) printLine('there are more: give a higher --limit, or a filter')
}

async function show(position: string, { json, ...flags }: CommonFlags): Promise<void> {
  const letter = await namingFlags(readDeadLetter(await optionsOf(flags, [position])))
  if (json === true) printJson(letterJson(letter, 'everything'))
  else printLine(letterText(letter))
}

async function replay(positions: string[], { json, all, dryRun, ...flags }: ReplayFlags): Promise<void> {
  assertChosen(positions, all === true, flags)
  watchReader(() => {}) // what was begun is done all the same
  const counts = { replayed: 0, 'would-replay': 0, 'no-letter': 0, failed: 0 }
  const done = (one: ReplayedLetter): void => {
    counts[one.outcome] += 1
    if (json === true) printJson(replayedJson(one))
    else printLine(replayedText(one))
  }
  const options = await optionsOf(flags, positions)
  await namingFlags(replayDeadLetters(options, dryRun === true, done))
  if (json !== true && Object.values(counts).every(count => count === 0))
    printLine('nothing to replay: the topic has no such letters')
  if (counts.failed > 0) throw notAllReplayed(counts)
}

/** Which letters are meant is never guessed: a replay cannot be taken back. */
function assertChosen(positions: readonly string[], all: boolean, flags: CommonFlags): void {
  const isFiltered = [flags.originTopic, flags.code, flags.since].some(flag => flag !== undefined)
  if (all !== positions.length > 0 && !(isFiltered && !all)) return
  throw invalidOptions([
    {
      path: '<partition:offset>',
      given: positions.length === 0 ? 'nothing' : JSON.stringify(positions.join(' ')),
      expected: 'either letters as partition:offset, or --all, which filters may narrow',
    },
  ])
}

function replayedJson({ letter, outcome, error }: ReplayedLetter): object {
  const failure = error === null ? {} : { code: error.code, message: error.message }
  return { outcome, ...letterJson(letter), ...failure }
}

function replayedText({ letter, outcome, error }: ReplayedLetter): string {
  const name = letterName(letter.record)
  switch (outcome) {
    case 'replayed':
      return `${name} replayed to ${originName(letter)}`
    case 'would-replay':
      return `${name} would be replayed to ${originName(letter)}`
    case 'no-letter':
      return `${name} is no dead letter and stays where it is`
    case 'failed':
      return `${name} not replayed to ${originName(letter)}: ${error!.code}: ${error!.message}`
  }
}

function notAllReplayed(counts: Readonly<Record<ReplayedLetter['outcome'], number>>): GroupError {
  return new GroupError(
    'BROKER_REFUSED',
    `${counts.failed} of ${counts.failed + counts.replayed} letters could not be replayed; the lines above say why`,
    { details: { ...counts } },
  )
}

async function optionsOf(
  { config, ...flags }: Omit<CommonFlags, 'json'>,
  letters: readonly string[],
): Promise<DeadLetterSearchOptions> {
  const given = {
    ...mergeFlags(await readBrokerConfig(config), flags),
    ...deadLetterOptionsOf(flags, letters),
  }
  return given as DeadLetterSearchOptions // not checked yet: whoever takes it does
}
