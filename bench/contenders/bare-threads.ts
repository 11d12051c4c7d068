// The bound: threads that run the handler's work over values in memory, with no Kafka anywhere.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { answer, contenderInput } from '../lib/contender.js'
import type { BareThreadsInput, Timing } from '../lib/contracts.js'
import { burnNativeCpu } from '../lib/native-cpu.js'

if (isMainThread) {
  const input = contenderInput() as BareThreadsInput
  const workers = Array.from(
    { length: input.threads },
    () => new Worker(new URL(import.meta.url), { workerData: input, argv: [JSON.stringify(input)] }),
  )
  const next = (worker: Worker): Promise<unknown> => new Promise(resolve => worker.once('message', resolve))
  await Promise.all(workers.map(next))
  const startedMs = performance.now()
  const done = workers.map(next)
  for (const worker of workers) worker.postMessage('go')
  await Promise.all(done)
  const timing: Timing = { records: input.records, elapsedMs: performance.now() - startedMs }
  await Promise.all(workers.map(worker => worker.terminate()))
  answer(timing)
} else {
  const input = workerData as BareThreadsInput
  const value = Buffer.alloc(input.valueBytes, 7)
  parentPort!.once('message', () => {
    for (let i = 0; i < input.records / input.threads; i++) burnNativeCpu(value)
    parentPort!.postMessage('done')
  })
  parentPort!.postMessage('ready')
}
