/**
 * CPU of the process (all its threads) from the start of a worker thread to its end: of one of ours with a handler that does
 * nothing, and of one of Node's that only says that it runs. They take turns, so that a busy machine slows all alike.
 *
 *     node .build/bench/micro/thread-start.js [--starts N] [--json]
 */
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import type { WorkerThreadListener } from '#src/coordinator/threads/worker-thread.js'
import { DEFAULTS } from '#src/options/defaults.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import type { WorkerSettings } from '#src/shared/protocol.js'
import { median } from '../lib/stats.js'

const { values } = parseArgs({
  options: { starts: { type: 'string', default: '40' }, json: { type: 'boolean', default: false } },
})
const WARM_UP = 3

const bareModule = new URL('../contenders/bare-start.js', import.meta.url)
const groupMemory = new GroupMemory().buffer
const { fetch, retry, onFailure, handlerTimeoutMs, ordering, batchSize, batchWaitMs } = DEFAULTS
const settings: WorkerSettings = {
  ...fetch,
  groupId: 'bench',
  memberId: 'bench',
  handlerUrl: new URL('../handlers/no-op.js', import.meta.url).href,
  connection: { clientId: 'bench', ssl: null, sasl: null, connectionTimeoutMs: 5000, requestTimeoutMs: 5000 },
  readCommitted: true,
  retry,
  onFailure,
  handlerTimeoutMs,
  ordering,
  batchSize,
  batchWaitMs,
}

const notAsked = (): Promise<never> => Promise.reject(new Error('nothing runs on this thread'))
const listener: WorkerThreadListener = {
  message: () => {},
  exited: () => {},
  announce: notAsked,
  aloneOver: notAsked,
  resolveOutOfRange: notAsked,
  deadLetter: notAsked,
  oauthToken: notAsked,
}

/** Each resolves with the milliseconds until its thread runs. */
const CONTENDERS: Record<string, () => Promise<number>> = {
  async bare() {
    const beganMs = performance.now()
    const worker = new Worker(bareModule)
    await once(worker, 'message')
    const takenMs = performance.now() - beganMs
    await worker.terminate()
    return takenMs
  },
  async ours() {
    const beganMs = performance.now()
    const pool = new ThreadPool({ threads: 1, settings, groupMemory, logger: silentLogger }, listener)
    await pool.loadHandlers()
    const takenMs = performance.now() - beganMs
    await pool.stop(AbortSignal.abort())
    return takenMs
  },
}

const cpuMs = new Map<string, number[]>()
const wallMs = new Map<string, number[]>()
const add = (samples: Map<string, number[]>, name: string, value: number): void => {
  samples.set(name, [...(samples.get(name) ?? []), value])
}
for (let round = 0; round < Number(values.starts) + WARM_UP; round++) {
  for (const [name, start] of Object.entries(CONTENDERS)) {
    const before = process.cpuUsage()
    const takenMs = await start()
    const { user, system } = process.cpuUsage(before)
    if (round < WARM_UP) continue
    add(cpuMs, name, (user + system) / 1000)
    add(wallMs, name, takenMs)
  }
}
for (const name of Object.keys(CONTENDERS)) {
  const [cpu, wall] = [median(cpuMs.get(name)!), median(wallMs.get(name)!)]
  if (values.json)
    console.log(JSON.stringify({ benchmark: 'thread-start', thread: name, cpuMs: cpu, wallMs: wall }))
  else
    console.log(`${name.padEnd(6)}${cpu.toFixed(1).padStart(8)} ms of CPU, runs after ${wall.toFixed(1)} ms`)
}
