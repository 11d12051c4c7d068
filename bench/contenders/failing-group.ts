// Our group over records of which some fail, end their thread or block it, in a process of its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runGroup } from '#src/index.js'
import { silentLogger } from '#src/shared/logger.js'
import { bareStartMs } from '../lib/bare-start.js'
import { answer, contenderInput } from '../lib/contender.js'
import type { FailingGroupInput, FailingGroupResult } from '../lib/contracts.js'
import { kindOf } from '../lib/failure-mix.js'

const LOOK_MS = 10
const SHOWN = 5

const input = contenderInput() as FailingGroupInput
const directory = mkdtempSync(join(tmpdir(), 'kwg-bench-'))
const file = join(directory, 'attempts.txt')
const before = await bareStartMs()
const handler = new URL('../handlers/failing.js', import.meta.url)
handler.searchParams.set('file', file)
handler.searchParams.set('partitions', String(input.partitions))
if (input.isClean) handler.searchParams.set('clean', '')
const group = await runGroup(handler, {
  groupId: input.groupId,
  topics: [input.topic],
  zookeeper: input.zookeeper,
  threads: input.threads,
  offsetReset: 'earliest',
  retry: { attempts: input.attempts, backoffMs: input.backoffMs, maxBackoffMs: input.backoffMs },
  handlerTimeoutMs: input.handlerTimeoutMs,
  onFailure: 'dead-letter',
  logger: silentLogger,
})
let deaths = 0
let deadLetters = 0
group.on('worker:replaced', () => (deaths += 1))
group.on('record:dead-lettered', () => (deadLetters += 1))
const startedMs = performance.now()
while (!group.status().partitions.every(({ lag }) => lag === 0)) await sleep(LOOK_MS)
const elapsedMs = performance.now() - startedMs
await group.stop()
const after = await bareStartMs()
const result: FailingGroupResult = {
  records: input.records,
  elapsedMs,
  deaths,
  deadLetters,
  bareStartMs: (before + after) / 2,
  wrong: wrongRecords().slice(0, SHOWN),
}
rmSync(directory, { recursive: true })
answer(result)

function wrongRecords(): string[] {
  const attempts = new Map<number, string>()
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const [number, attempt] = line.split(' ').map(Number) as [number, number]
    attempts.set(number, `${attempts.get(number) ?? ''}${attempt}`)
  }
  const all = Array.from({ length: input.attempts }, (_, index) => index + 1).join('')
  const wrong: string[] = []
  for (let number = 0; number < input.records; number++) {
    const expected = input.isClean || kindOf(number) === 'ok' ? '1' : all
    const found = attempts.get(number) ?? 'none'
    if (found !== expected) wrong.push(`record ${number} (${kindOf(number)}): attempts ${found}`)
  }
  return wrong
}
