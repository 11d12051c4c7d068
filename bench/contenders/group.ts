// Our group in a process of its own: how long it takes from the first record to the last.
import { setTimeout as sleep } from 'node:timers/promises'
import { runGroup } from '#src/index.js'
import { silentLogger } from '#src/shared/logger.js'
import { answer, contenderInput } from '../lib/contender.js'
import type { GroupInput, Timing } from '../lib/contracts.js'

/** How often to look, at the end and in between: whoever looks all the time takes the CPU that is being measured. */
const LOOK_MS = { least: 2, most: 100 }

const input = contenderInput() as GroupInput
const group = await runGroup(new URL(`../handlers/${input.handler}`, import.meta.url), {
  groupId: input.groupId,
  topics: [input.topic],
  zookeeper: input.zookeeper,
  threads: input.threads,
  offsetReset: 'earliest',
  logger: silentLogger,
  ...input.options,
})
group.on('error', error => {
  console.error(error)
  process.exit(1)
})
const first = await progressOnce(() => true)
const last = await progressOnce(handled => handled >= input.records)
const timing: Timing = { records: last.handled - first.handled, elapsedMs: last.atMs - first.atMs }
await group.stop()
answer(timing)

/** Waits for it, and looks less often while the end is far. */
async function progressOnce(
  isReached: (handled: number) => boolean,
): Promise<{ handled: number; atMs: number }> {
  const startedMs = performance.now()
  for (;;) {
    const { handled } = group.status()
    const atMs = performance.now()
    if (handled > 0 && isReached(handled)) return { handled, atMs }
    const leftMs = handled > 0 ? ((atMs - startedMs) * (input.records - handled)) / handled : 0
    await sleep(Math.max(LOOK_MS.least, Math.min(LOOK_MS.most, leftMs / 4)))
  }
}
