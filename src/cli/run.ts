import type { Command } from 'commander'
import type { Group } from '../group.ts'
import type { RunGroupOptions } from '../options/types.ts'
import { startGroup } from '../run-group.ts'
import { createDefaultLogger } from '../shared/logger.ts'
import { readConfigFile } from './config-file.ts'
import { EventLines, printFailed } from './event-lines.ts'
import { exitDespiteNativeCalls, exitSoon } from './exit.ts'
import { mergeFlags, withFlagNames, type GroupFlags } from './flags.ts'
import { LiveLine } from './live-line.ts'
import { watchReader } from './output.ts'
import { stopOnSignals } from './signals.ts'
import { StopWatch } from './stop-watch.ts'

interface RunFlags extends GroupFlags {
  config?: string
  json?: boolean
}

export function addRunCommand(program: Command): void {
  program
    .command('run')
    .description('run a member of a group: the handler module on worker threads, until SIGINT or SIGTERM')
    .argument('<handler>', 'module whose default export handles records')
    .option('--group <name>', 'name of the group')
    .option('--topics <names>', 'topics to consume, separated by commas')
    .option('--zookeeper <servers>', 'host:port,host:port/chroot')
    .option('--brokers <addresses>', 'host:port,host:port (default: those ZooKeeper lists)')
    .option('--member-id <name>', 'name of this member (default: <hostname>-<ms>-<8 letters>)')
    .option('--threads <number>', 'worker threads (default: one per core)')
    .option('--ordering <order>', 'which records keep their order: those of a partition, key or none')
    .option('--offset-reset <policy>', 'where a partition without offset starts: latest, earliest or none')
    .option('--commit-interval <ms>', 'time between commits')
    .option('--session-timeout <ms>', 'ZooKeeper session timeout')
    .option('--missing-topics <policy>', 'about a topic that does not exist: fail or wait')
    .option('--config <file>', 'JSON file with any option by its name in the API; flags win')
    .option('--json', 'print one JSON object per line on standard output for each event')
    .action(run)
}

async function run(handler: string, flags: RunFlags): Promise<void> {
  exitDespiteNativeCalls()
  const reporter = flags.json === true ? jsonReporter() : terminalReporter(process.stdout.isTTY)
  try {
    await runUntilStopped(handler, await givenOptions(flags), reporter)
  } catch (thrown) {
    const failure = withFlagNames(thrown)
    reporter.ended(failure)
    throw failure
  } finally {
    exitSoon()
  }
  reporter.ended(undefined)
}

async function givenOptions({ config, ...flags }: RunFlags): Promise<RunGroupOptions> {
  // Not checked yet: the resolver does, for file and flags together.
  return mergeFlags(config === undefined ? {} : await readConfigFile(config), flags) as RunGroupOptions
}

async function runUntilStopped(handler: string, given: RunGroupOptions, reporter: Reporter): Promise<void> {
  const { group, joined } = startGroup(handler, reporter.withLogger(given))
  let isStopping = false
  const stop = (): void => {
    isStopping = true
    void group.stop() // never rejects; `finished` tells how it went
  }
  const releaseSignals = stopOnSignals(stop)
  watchReader(stop)
  const stopWatch = new StopWatch(group)
  try {
    reporter.watch(group)
    await joined.then(
      () => reporter.started(),
      (error: unknown) => {
        if (!isStopping) throw error // a start that was told to stop is no failure
      },
    )
    await group.finished
    stopWatch.throwIfUnclean()
  } finally {
    releaseSignals()
  }
}

/** How a run is told on standard output. */
interface Reporter {
  withLogger(given: RunGroupOptions): RunGroupOptions
  watch(group: Group): void
  started(): void
  ended(failure: unknown): void
}

function jsonReporter(): Reporter {
  let lines: EventLines | null = null
  return {
    withLogger: given => given,
    watch: group => (lines = new EventLines(group)),
    started: () => lines?.started(),
    ended: failure => (lines === null ? printFailed(failure) : lines.ended(failure)),
  }
}

/** On a terminal the live line; elsewhere nothing: standard output then belongs to the handlers. */
function terminalReporter(isTerminal: boolean): Reporter {
  const line = new LiveLine()
  return {
    withLogger: given => (isTerminal ? { ...given, logger: line.above(createDefaultLogger()) } : given),
    watch: group => {
      if (isTerminal) line.start(() => group.status())
    },
    started: () => {},
    ended: () => line.stop(),
  }
}
