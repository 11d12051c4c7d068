import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { median } from './stats.js'

const MODULE = new URL('../contenders/bare-start.js', import.meta.url)
const STARTS = 15

/** What it takes to start a thread of which nothing is asked: the median. */
export async function bareStartMs(): Promise<number> {
  const taken: number[] = []
  for (let start = 0; start < STARTS; start++) taken.push(await oneStartMs())
  return median(taken)
}

async function oneStartMs(): Promise<number> {
  const beganMs = performance.now()
  const worker = new Worker(MODULE)
  await once(worker, 'message')
  const takenMs = performance.now() - beganMs
  await worker.terminate()
  return takenMs
}
