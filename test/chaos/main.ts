// npm run test:chaos -- --seed N --minutes M [--stops K] [--ordering partition|key|none]: a group under faults that are drawn from the seed, and the judgement;
// then K members (50) that get SIGTERM while others come, go or die. Exit code 1 if anything was violated. The same seed
// draws the same faults; how they meet the members is the machine's doing.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Owner } from '../support/cleanup.ts'
import { privateStack, stackEnvironment } from '../support/stack.ts'
import { stopAtAnyMoment } from '../support/stop-at-any-moment.ts'
import { ORDERINGS } from '#src/shared/ordering.js'
import { runChaos } from './chaos-run.ts'
import { failureOf, summaryOf } from './report.ts'

const PAUSE_MS = { from: 300, to: 3_000 }
const MAX_SEED = 2 ** 32

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '2' },
    stops: { type: 'string', default: '50' },
    ordering: { type: 'string', default: 'partition' },
  },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * MAX_SEED) : Number(values.seed)
const minutes = Number(values.minutes)
const stops = Number(values.stops)
const ordering = ORDERINGS.find(one => one === values.ordering)
const isSeed = Number.isInteger(seed) && seed >= 0 && seed < MAX_SEED
if (ordering === undefined || !isSeed || !(minutes > 0) || !Number.isInteger(stops) || stops < 0) {
  const flags = `--seed <0 to ${MAX_SEED - 1}> --minutes <more than 0> --stops <0 or more> --ordering <${ORDERINGS.join('|')}>`
  console.error(`usage: npm run test:chaos -- ${flags}`)
  process.exit(2)
}

const hooks: (() => Promise<void>)[] = []
const newOwner = (): Owner => ({ after: hook => hooks.push(hook) })
const startMs = Date.now()

function tell(text: string): void {
  console.log(`${((Date.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}`)
}

async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), `kwg-chaos-${seed}-`))
  const command = `npm run test:chaos -- --seed ${seed} --minutes ${minutes} --ordering ${ordering}`
  tell(command)
  const options = {
    seed,
    ordering: ordering!,
    lastsMs: minutes * 60_000,
    pauseMs: PAUSE_MS,
    directory,
    onProgress: tell,
  }
  const result = await runChaos(newOwner(), options).catch((error: unknown) => {
    console.error(`the run broke; again: ${command}; kept: ${directory}`)
    throw error
  })
  for (const line of summaryOf(result)) console.log(line)
  if (result.violations.length > 0) {
    process.exitCode = 1
    console.error(failureOf(result, { command, directory }))
    return
  }
  rmSync(directory, { recursive: true, force: true })
  console.log('no violation')
}

/** Members that are stopped at any moment, over servers of their own that nobody hurts. */
async function stopMembers(): Promise<void> {
  const owner = newOwner()
  Object.assign(process.env, stackEnvironment(await privateStack(owner)))
  const unowned = await stopAtAnyMoment(owner, stops, tell)
  if (unowned.length === 0) return
  process.exitCode = 1
  console.error(unowned.join('\n'))
}

async function cleanUp(): Promise<void> {
  for (const hook of hooks.splice(0)) await hook()
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)))
try {
  await run()
  await cleanUp() // the servers of the run make room for the next ones
  if (stops > 0) await stopMembers()
} catch (error) {
  process.exitCode = 1
  console.error(error)
} finally {
  await cleanUp()
}
