// The bound: threads that run the handler's work over values in memory, with no Kafka anywhere.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { answer, contenderInput } from '../lib/contender.js'
import type { BareThreadsInput, Timing } from '../lib/contracts.js'
import { burnMixed } from '../lib/mixed-costs.js'

interface Share {
  readonly input: BareThreadsInput
  /** The number of the value that whoever is free takes next. */
  readonly next: SharedArrayBuffer
}

if (isMainThread) {
  const input = contenderInput() as BareThreadsInput
  const next = new SharedArrayBuffer(4)
  const workers = Array.from(
    { length: input.threads },
    () => new Worker(new URL(import.meta.url), { workerData: { input, next } satisfies Share }),
  )
  const heard = (worker: Worker): Promise<unknown> => new Promise(resolve => worker.once('message', resolve))
  await Promise.all(workers.map(heard))
  const startedMs = performance.now()
  const done = workers.map(heard)
  for (const worker of workers) worker.postMessage('go')
  await Promise.all(done)
  const timing: Timing = { records: input.records, elapsedMs: performance.now() - startedMs }
  await Promise.all(workers.map(worker => worker.terminate()))
  answer(timing)
} else {
  const { input, next } = workerData as Share
  const { records, valueBytes, slowOneIn = Infinity } = input
  const value = Buffer.alloc(valueBytes, 7)
  const counter = new Int32Array(next)
  parentPort!.once('message', () => {
    for (let i = Atomics.add(counter, 0, 1); i < records; i = Atomics.add(counter, 0, 1))
      burnMixed(value, i, slowOneIn)
    parentPort!.postMessage('done')
  })
  parentPort!.postMessage('ready')
}
