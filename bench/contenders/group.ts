// Our group in a process of its own: how long it takes from the first record to the last.
import { setTimeout as sleep } from 'node:timers/promises'
import { runGroup } from '#src/index.js'
import { silentLogger } from '#src/shared/logger.js'
import { answer, contenderInput } from '../lib/contender.js'

export interface GroupInput {
  readonly zookeeper: string
  readonly topic: string
  readonly groupId: string
  readonly handler: string
  readonly threads: number
  readonly records: number
}

export interface Timing {
  readonly records: number
  readonly elapsedMs: number
}

const LOOK_EVERY_MS = 2

const input = contenderInput() as GroupInput
const group = await runGroup(new URL(`../handlers/${input.handler}`, import.meta.url), {
  groupId: input.groupId,
  topics: [input.topic],
  zookeeper: input.zookeeper,
  threads: input.threads,
  offsetReset: 'earliest',
  logger: silentLogger,
})
group.on('error', error => {
  console.error(error)
  process.exit(1)
})
let first: { atMs: number; handled: number } | null = null
for (;;) {
  const { handled } = group.status()
  if (handled > 0) first ??= { atMs: performance.now(), handled }
  if (handled >= input.records) break
  await sleep(LOOK_EVERY_MS)
}
const timing: Timing = { records: input.records - first!.handled, elapsedMs: performance.now() - first!.atMs }
await group.stop()
answer(timing)
