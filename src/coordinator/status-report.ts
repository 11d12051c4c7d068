import { monotonicMs } from '../shared/clock.ts'
import type { LaneReading } from '../shared/memory/lane-memory.ts'
import type { PartitionStatus, WorkerStatus } from '../status.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'
import type { WorkerThread } from './threads/worker-thread.ts'

interface SeenInHand {
  readonly floor: number
  readonly sinceMs: number
}

/** Makes the parts of a status snapshot from shared memory; remembers what it saw last, for ages and shares. */
export class StatusReport {
  readonly #inHand = new WeakMap<OwnedPartition, SeenInHand>()
  readonly #busy = new WeakMap<WorkerThread, { readonly atMs: number; readonly busyMs: number }>()
  readonly #startedAtMs = monotonicMs()

  partition(partition: OwnedPartition): PartitionStatus {
    const lane = partition.memory?.read() ?? null
    const end = lane === null || lane.highWatermark < 0 ? null : lane.highWatermark
    return {
      topic: partition.topic,
      partition: partition.partition,
      state: partition.state,
      epoch: partition.claim?.epoch ?? null,
      threadId: partition.thread?.threadId ?? null,
      lanes: lane === null ? 0 : 1,
      committed: toBigInt(partition.committed),
      committable: toBigInt(lane?.floor ?? null),
      end: toBigInt(end),
      lag: lane === null || end === null ? null : Math.max(0, end - lane.floor),
      bufferedBytes: lane?.bufferedBytes ?? 0,
      waitsFor: waitsFor(partition, lane),
      retry: retryOf(lane),
      oldestInHand: lane === null ? null : this.#oldestInHand(partition, lane),
      handled: lane?.handled ?? 0,
      failure: partition.failure,
    }
  }

  worker(thread: WorkerThread, partitions: readonly OwnedPartition[]): WorkerStatus {
    const reading = thread.memory.read()
    const nowMs = monotonicMs()
    const last = this.#busy.get(thread) ?? { atMs: this.#startedAtMs, busyMs: 0 }
    this.#busy.set(thread, { atMs: nowMs, busyMs: reading.busyMs })
    return {
      threadId: thread.threadId,
      busyShare: Math.min(1, (reading.busyMs - last.busyMs) / Math.max(1, nowMs - last.atMs)),
      loopDelayMs: reading.loopDelayMs,
      runningForMs: reading.running ? Math.max(0, nowMs - reading.runningSinceMs) : null,
      partitions: partitions.length,
      handled: partitions.reduce((sum, partition) => sum + partition.handledOnThread, thread.handledBefore),
      restarts: thread.restarts,
    }
  }

  /** Age is counted from when a look first saw this record in hand: workers read no clock per record. */
  #oldestInHand(partition: OwnedPartition, lane: LaneReading): PartitionStatus['oldestInHand'] {
    if (lane.inHand === 'nothing' && lane.attempts === 0) return null
    const seen = this.#inHand.get(partition)
    const nowMs = monotonicMs()
    const since =
      seen?.floor === lane.floor ? seen : { floor: lane.floor, sinceMs: this.#runningSince(partition, nowMs) }
    this.#inHand.set(partition, since)
    return { offset: BigInt(lane.floor), ageMs: nowMs - since.sinceMs, attempt: lane.attempts + 1 }
  }

  #runningSince(partition: OwnedPartition, nowMs: number): number {
    const worker = partition.thread?.memory.read()
    return worker?.running === true ? worker.runningSinceMs : nowMs
  }
}

function waitsFor(partition: OwnedPartition, lane: LaneReading | null): string {
  if (lane === null) return partition.state === 'waiting' ? 'claim' : ''
  return lane.waitsFor === '' && partition.isHeld ? 'alone' : lane.waitsFor
}

function retryOf(lane: LaneReading | null): PartitionStatus['retry'] {
  if (lane === null || lane.retry === null) return null
  const { sinceMs, atMs } = lane.retry
  const nowMs = monotonicMs()
  return {
    offset: BigInt(lane.floor),
    attempts: lane.attempts,
    waitedMs: Math.max(0, nowMs - sinceMs),
    inMs: Math.max(0, atMs - nowMs),
  }
}

function toBigInt(offset: number | null): bigint | null {
  return offset === null ? null : BigInt(offset)
}
