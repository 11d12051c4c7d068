import { runContender } from '../lib/contender.js'
import type { FailingGroupResult } from '../lib/contracts.js'
import { countOf } from '../lib/failure-mix.js'
import { calibrateNativeCpu } from '../lib/native-cpu.js'
import type { BenchContext, Scenario } from '../lib/scenario.js'
import { median } from '../lib/stats.js'
import { createFilledTopic } from '../lib/topic.js'

const SIZE = { topic: 'failures', partitions: 8, records: 100_000, valueBytes: 100 }
const THREADS = 2
const CALL_US = 125
const RUN = { threads: THREADS, attempts: 3, backoffMs: 10, handlerTimeoutMs: 100 }
const MAX_ROUNDS = 3

/** How long a run with failures may take: the same run without, twice, and what the failures cost by themselves. */
function allowedMs(clean: FailingGroupResult, failing: FailingGroupResult): number {
  const { records, partitions } = SIZE
  const repeats = RUN.attempts - 1
  const deadlinesMs = countOf('block', records) * RUN.attempts * RUN.handlerTimeoutMs
  const waits = (['fail', 'twice', 'kill', 'block'] as const).map(kind => countOf(kind, records) * repeats)
  const backoffsMs = waits.reduce((sum, count) => sum + count, 0) * RUN.backoffMs
  const deathsMs = failing.deaths * 1.5 * failing.bareStartMs
  return 2 * clean.elapsedMs + deadlinesMs / THREADS + backoffsMs / partitions + deathsMs
}

/** 100,000 records of which 1 % fail always, 1 % fail twice, 0.1 % end their thread and 0.1 % block it for ever. */
export const failures: Scenario = async context => {
  calibrateNativeCpu(CALL_US)
  await createFilledTopic(context.stack.brokers, SIZE)
  const ratios: number[] = []
  const ours: number[] = []
  const allowed: number[] = []
  for (let round = 1; round <= Math.min(context.rounds, MAX_ROUNDS); round++) {
    const clean = await runOnce(context, `clean-${round}`, true)
    const failing = await runOnce(context, `failing-${round}`, false)
    ours.push(failing.elapsedMs)
    allowed.push(allowedMs(clean, failing))
    ratios.push(ours.at(-1)! / allowed.at(-1)!)
    context.say(describe(round, clean, failing, allowed.at(-1)!))
  }
  return [
    {
      scenario: `${SIZE.records} records of which 1.1 % fail for good, ${THREADS} threads`,
      ours: `${(median(ours) / 1000).toFixed(1)} s`,
      reference: `${(median(allowed) / 1000).toFixed(1)} s: twice without failures, plus deadlines, backoffs and 1.5 bare starts a death`,
      ratio: median(ratios),
      bound: { max: 1 },
    },
  ]
}

async function runOnce(
  { stack }: BenchContext,
  groupId: string,
  isClean: boolean,
): Promise<FailingGroupResult> {
  const { topic, partitions, records } = SIZE
  const input = { ...RUN, topic, partitions, records, groupId, isClean, zookeeper: stack.zookeeper }
  const result = await runContender('failing-group.js', input)
  if (result.wrong.length > 0) throw new Error(`${groupId}: ${result.wrong.join('; ')}`)
  return result
}

function describe(
  round: number,
  clean: FailingGroupResult,
  failing: FailingGroupResult,
  allowed: number,
): string {
  const { elapsedMs, deaths, deadLetters, bareStartMs } = failing
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  return `failures round ${round}: ${seconds(elapsedMs)} of ${seconds(allowed)}; without failures ${seconds(clean.elapsedMs)}; ${deaths} threads replaced, bare start ${bareStartMs.toFixed(1)} ms, ${deadLetters} dead letters`
}
