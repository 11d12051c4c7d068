// Our group left alone for a while, sampling what it costs: resident memory and CPU.
import { setTimeout as sleep } from 'node:timers/promises'
import { runGroup } from '#src/index.js'
import { silentLogger } from '#src/shared/logger.js'
import { answer, contenderInput } from '../lib/contender.js'
import type { ResidentInput, ResidentResult, ResidentSample } from '../lib/contracts.js'

const input = contenderInput() as ResidentInput
const group = await runGroup(new URL(`../handlers/${input.handler}`, import.meta.url), {
  groupId: input.groupId,
  topics: [input.topic],
  zookeeper: input.zookeeper,
  threads: input.threads,
  offsetReset: 'earliest',
  logger: silentLogger,
})
await sleep(input.warmUpSeconds * 1000)
const samples: ResidentSample[] = []
const cpuBefore = process.cpuUsage()
const startedMs = performance.now()
for (let second = 1; second <= input.seconds; second++) {
  await sleep(startedMs + second * 1000 - performance.now())
  samples.push({ atSecond: second, residentMb: process.memoryUsage.rss() / 2 ** 20 })
}
const cpu = process.cpuUsage(cpuBefore)
const elapsedUs = (performance.now() - startedMs) * 1000
const { handled } = group.status()
await group.stop()
answer({ samples, cpuShare: (cpu.user + cpu.system) / elapsedUs, handled } satisfies ResidentResult)
