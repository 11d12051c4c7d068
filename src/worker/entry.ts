import { setImmediate as nextTurn } from 'node:timers/promises'
import { isMainThread, threadId, type MessagePort } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { answering, outcome, type Answering } from '../shared/call-answers.ts'
import { deferred, type Deferred } from '../shared/deferred.ts'
import { GroupError } from '../shared/errors.ts'
import type { CoordinatorApi, WorkerApi, WorkerStart, WorkerStarted } from '../shared/protocol.ts'
import { transferables } from './attempts/dead-letter.ts'
import { dieOfPlainErrors } from './plain-deaths.ts'
import { Worker } from './worker.ts'

if (isMainThread)
  throw new GroupError('INTERNAL', 'worker/entry is the entry of a worker thread, not a module to import')

/** The one task of a pool thread. Resolves after the coordinator called `stop()`; nothing then keeps the thread busy. */
export default async function runWorker(start: WorkerStart): Promise<void> {
  const { workerPort, coordinatorPort, messagePort, ...parts } = start
  dieOfPlainErrors()
  messagePort.postMessage({ type: 'started', nodeThreadId: threadId } satisfies WorkerStarted)
  // One port per direction: Comlink may close a port when its last proxy is collected.
  const coordinator = callsTo(Comlink.wrap<Answering<CoordinatorApi>>(endpoint(coordinatorPort)))
  const worker = new Worker({ ...parts, coordinator, post: message => messagePort.postMessage(message) })
  const stopped: Deferred<void> = deferred()
  Comlink.expose(answering(callable(worker, stopped.resolve)), endpoint(workerPort))
  await stopped.promise
  await nextTurn() // the answer to stop() leaves first
  for (const port of [workerPort, coordinatorPort, messagePort]) port.close()
}

/** Only what WorkerApi names may be called from the coordinator. */
function callable(worker: Worker, onStopped: () => void): WorkerApi {
  return {
    loadHandler: threadId => worker.loadHandler(threadId),
    updateLeaders: view => worker.updateLeaders(view),
    startLane: lane => worker.startLane(lane),
    startSeat: seat => worker.startSeat(seat),
    startFeed: feed => worker.startFeed(feed),
    drainLane: lane => worker.drainLane(lane),
    abortLane: (lane, reason) => worker.abortLane(lane, reason),
    setPaused: (lane, paused) => worker.setPaused(lane, paused),
    wake: () => worker.wake(),
    stop: () => worker.stop().finally(onStopped),
  }
}

function callsTo(remote: Comlink.Remote<Answering<CoordinatorApi>>): CoordinatorApi {
  return {
    resolveOutOfRange: (lane, position) => outcome(remote.resolveOutOfRange(lane, position)),
    announce: (lane, announcement) => outcome(remote.announce(lane, announcement)),
    aloneOver: (lane, runsOn) => outcome(remote.aloneOver(lane, runsOn)),
    deadLetter: letter => outcome(remote.deadLetter(Comlink.transfer(letter, transferables(letter)))),
    oauthToken: () => outcome(remote.oauthToken()),
  }
}

/** A port of Node is an EventTarget as Comlink needs it; only the types disagree. */
function endpoint(port: MessagePort): Comlink.Endpoint {
  return port
}
