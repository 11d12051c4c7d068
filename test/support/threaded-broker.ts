import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { atEnd, type Owner } from './cleanup.ts'
import { startFakeBroker, type FakeRequest } from './fake-broker.ts'
import { API, fetchAnswer, metadataAnswer } from './kafka-answers.ts'

/** How long the broker takes for each answer; fetches take what the request allows. */
interface ThreadedBrokerOptions {
  readonly delayMs: number
}

/** A fake broker on a thread of its own: it goes on answering while the test blocks its event loop. */
export async function startThreadedBroker(
  owner: Owner,
  options: ThreadedBrokerOptions,
): Promise<{ host: string; port: number }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  atEnd(owner, () => worker.terminate())
  const [port] = (await once(worker, 'message')) as [number]
  return { host: '127.0.0.1', port }
}

async function serve({ delayMs }: ThreadedBrokerOptions): Promise<void> {
  const never: Owner = { after: () => {} } // the thread is terminated as a whole
  const broker = await startFakeBroker(never, { onRequest: request => void answerLater(request, delayMs) })
  parentPort?.postMessage(broker.port)
}

async function answerLater(request: FakeRequest, delayMs: number): Promise<void> {
  const isFetch = request.apiKey === API.fetch
  await delay(isFetch ? request.body.readInt32BE(4) : delayMs)
  request.answer(
    isFetch
      ? fetchAnswer({ partitions: [] }, request.apiVersion)
      : metadataAnswer({ brokers: [{ nodeId: 0, host: '127.0.0.1', port: 1 }], topics: [] }),
  )
}

if (!isMainThread) await serve(workerData as ThreadedBrokerOptions)
