import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningStack } from '#src/stack/start-stack.js'
import { eventually } from '../support/eventually.ts'
import type { Owner } from '../support/cleanup.ts'
import { createTopic, uniqueGroup } from '../support/kafka.ts'
import { privateStack } from '../support/stack.ts'
import { ZooKeeperView } from '../support/zookeeper.ts'
import { Conductor } from './conductor.ts'
import { Crew } from './crew.ts'
import { hasJoined } from './faults.ts'
import { groupNodes } from './group-nodes.ts'
import type { History, RunSettings, Violation } from './history.ts'
import { judge } from './judge/judge.ts'
import { readLedgers } from './ledger-files.ts'
import { SteadyProducer } from './producer.ts'
import { endsOf, readKeys } from './read-log.ts'
import { FAULT_KINDS, Schedule, type FaultKind } from './schedule.ts'
import { StallWatch } from './stall-watch.ts'
import { readZooKeeperLog } from './zookeeper-log.ts'

export interface ChaosOptions {
  readonly seed: number
  /** How long faults are drawn; start and end come on top. */
  readonly lastsMs: number
  /** @defaultValue all */
  readonly kinds?: readonly FaultKind[]
  /** Every record has a key of its own. @defaultValue 'partition' */
  readonly ordering?: RunSettings['ordering']
  readonly pauseMs: { readonly from: number; readonly to: number }
  /** Everything the run leaves behind goes here. */
  readonly directory: string
  readonly onProgress?: (text: string) => void
}

export interface ChaosResult {
  readonly history: History
  readonly violations: readonly Violation[]
}

const BROKERS = 2
const PARTITIONS = 12
const RECORDS_PER_SECOND = 15
/** Some 300 ms of work for a lane, so that members are stopped and cut with records in their queues. */
const BURST = { records: 80, everyMs: 4_000 }
const MEMBERS = { min: 3, max: 5 }
const SESSION_MS = 2_000
const COMMIT_INTERVAL_MS = 500
const STOP_TIMEOUT_MS = 10_000
const OWNED_AT_FIRST_WITHIN_MS = 20_000
/** After the last fault: a session and its successor, a refresh of metadata, and what had piled up. */
const WHOLE_WITHIN_MS = 30_000

const BROKER_SETTINGS = {
  'auto.leader.rebalance.enable': 'true',
  'leader.imbalance.check.interval.seconds': '5', // or a broker that was away would lead nothing for the rest of the run
  'leader.imbalance.per.broker.percentage': '0',
  'replica.lag.time.max.ms': '3000',
}

/** One run: servers, members and a producer of its own, faults for a while, the end, and the judgement. */
export async function runChaos(owner: Owner, options: ChaosOptions): Promise<ChaosResult> {
  const onProgress = options.onProgress ?? (() => {})
  const settings = settingsOf(options)
  const ledgerDirectory = join(options.directory, 'ledger')
  mkdirSync(ledgerDirectory, { recursive: true })
  const stack = await privateStack(owner, { brokers: BROKERS, brokerSettings: BROKER_SETTINGS })
  const { brokers } = stack
  const topic = await createTopic(
    { name: 'chaos' },
    { partitions: PARTITIONS, replicationFactor: BROKERS, brokers },
  )
  const groupId = uniqueGroup()
  const crew = new Crew(owner, {
    stack,
    sessionMs: SESSION_MS,
    ledgerDirectory,
    member: {
      groupId,
      topics: [topic],
      threads: settings.threads,
      ordering: settings.ordering,
      offsetReset: 'earliest',
      commit: { intervalMs: COMMIT_INTERVAL_MS },
      stopTimeoutMs: STOP_TIMEOUT_MS,
      kafka: { connectionTimeoutMs: 2_000, requestTimeoutMs: 3_000 },
    },
  })
  const producer = new SteadyProducer(owner, {
    brokers,
    topic,
    partitions: PARTITIONS,
    recordsPerSecond: RECORDS_PER_SECOND,
    burst: BURST,
  })
  const group = { stack, topic, groupId }
  const { stalls } = new StallWatch(owner)
  try {
    await startMembers(crew)
    await allOwned(group)
    producer.start()
    const conductor = await hurtFor(options, { crew, producer, ...group }, onProgress)
    await producer.stop()
    onProgress(
      `${producer.acknowledged.length} records acknowledged, ${producer.failedSends} requests failed`,
    )
    const wholeAfterMs = await becomesWhole(group)
    onProgress(`whole after ${wholeAfterMs} ms`)
    await leaveAll(crew)
    const history: History = {
      settings,
      log: await readKeys(topic, brokers),
      acknowledged: producer.acknowledged,
      ...readHandled(ledgerDirectory),
      ...groupNodes(readZooKeeperLog(join(stack.directory, 'zookeeper')), groupId, topic),
      faults: conductor.faults,
      stalls,
      processes: crew.all.map(member => member.history()),
      wholeAfterMs,
    }
    const violations = judge(history)
    keep(options.directory, history, violations)
    return { history, violations }
  } finally {
    crew.writeLogs(options.directory)
    keepServerLogs(stack.directory, options.directory)
  }
}

interface GroupPlace {
  readonly stack: RunningStack
  readonly topic: string
  readonly groupId: string
}

function settingsOf({ kinds, ordering = 'partition' }: ChaosOptions): RunSettings {
  return {
    ordering,
    threads: ordering === 'partition' ? 1 : 2,
    partitions: PARTITIONS,
    sessionMs: SESSION_MS,
    commitIntervalMs: COMMIT_INTERVAL_MS,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    kinds: kinds ?? FAULT_KINDS,
    recordsPerSecond: RECORDS_PER_SECOND,
    burst: BURST,
  }
}

async function startMembers(crew: Crew): Promise<void> {
  const first = await Promise.all(Schedule.firstMembers(MEMBERS.min).map(memberId => crew.start(memberId)))
  const joined = await Promise.all(first.map(hasJoined))
  if (!joined.every(Boolean)) throw new Error(`the first members did not join: ${first[0]!.process.errors}`)
}

async function hurtFor(
  { seed, lastsMs, kinds = FAULT_KINDS, pauseMs }: ChaosOptions,
  { crew, producer, stack, topic }: GroupPlace & { readonly crew: Crew; readonly producer: SteadyProducer },
  onProgress: (text: string) => void,
): Promise<Conductor> {
  const schedule = new Schedule({
    seed,
    kinds,
    sessionMs: SESSION_MS,
    brokers: BROKERS,
    minMembers: MEMBERS.min,
    maxMembers: MEMBERS.max,
    minPauseMs: pauseMs.from,
    maxPauseMs: pauseMs.to,
  })
  const field = { stack, crew, producer, topic, stopTimeoutMs: STOP_TIMEOUT_MS }
  const conductor = new Conductor({ schedule, field, kinds, lastsMs, onProgress })
  await conductor.run()
  return conductor
}

async function allOwned(group: GroupPlace): Promise<void> {
  await lookUntil(group, OWNED_AT_FIRST_WITHIN_MS, async view => (await ownersOf(view, group)) === PARTITIONS)
}

/** Everything owned, everything committed to the end of the log; null if it does not come to that in time. */
async function becomesWhole(group: GroupPlace): Promise<number | null> {
  const fromMs = Date.now()
  const ends = await endsOf(group.topic, group.stack.brokers)
  const isWhole = async (view: ZooKeeperView): Promise<boolean> => {
    if ((await ownersOf(view, group)) !== PARTITIONS) return false
    const path = `/consumers/${group.groupId}/offsets/${group.topic}`
    const stored = await Promise.all(ends.map((_, partition) => view.read(`${path}/${partition}`)))
    return stored.every((node, partition) => Number(node?.text) === ends[partition])
  }
  return lookUntil(group, WHOLE_WITHIN_MS, isWhole).then(
    () => Date.now() - fromMs,
    () => null, // judged
  )
}

async function ownersOf(view: ZooKeeperView, { groupId, topic }: GroupPlace): Promise<number> {
  return (await view.list(`/consumers/${groupId}/owners/${topic}`)).length
}

async function lookUntil(
  { stack }: GroupPlace,
  deadlineMs: number,
  condition: (view: ZooKeeperView) => Promise<boolean>,
): Promise<void> {
  const view = await ZooKeeperView.connect(stack.zookeeper)
  try {
    await eventually(() => condition(view), { deadlineMs, intervalMs: 50 })
  } finally {
    await view.close()
  }
}

async function leaveAll(crew: Crew): Promise<void> {
  const leaving = crew.alive
  for (const member of leaving) member.tell('leave')
  await Promise.race([
    Promise.all(leaving.map(member => member.process.exited)),
    eventually(() => leaving.every(member => member.hasExited), { deadlineMs: 2 * STOP_TIMEOUT_MS }).catch(
      () => {},
    ), // judged
  ])
}

function readHandled(directory: string): Pick<History, 'handled' | 'ledgers'> {
  const { handled, threads } = readLedgers(directory)
  return { handled, ledgers: threads }
}

/** The servers' directory goes with them. */
function keepServerLogs(from: string, to: string): void {
  for (const name of readdirSync(from).filter(one => one.endsWith('.log')))
    copyFileSync(join(from, name), join(to, name))
}

/** Beside the ledgers and the logs of the processes. */
function keep(directory: string, history: History, violations: readonly Violation[]): void {
  const write = (name: string, value: unknown): void => writeFileSync(join(directory, name), toJson(value))
  write('faults.json', history.faults)
  write('stalls.json', history.stalls)
  write('claims.json', history.claims)
  write('commits.json', history.commits)
  write('processes.json', history.processes)
  write('violations.json', violations)
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? one.toString() : one), 1)
}
