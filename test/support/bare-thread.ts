// Runs the entry of a worker thread as the whole task of a thread that nobody terminates: it exits only when nothing
// is left behind.
import { workerData } from 'node:worker_threads'
import type { WorkerStart } from '#src/shared/protocol.js'
import runWorker from '#src/worker/entry.js'

await runWorker(workerData as WorkerStart)
