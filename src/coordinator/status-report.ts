import { monotonicMs } from '../shared/clock.ts'
import type { PartitionStatus, RingStatus, WorkerStatus } from '../status.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'
import type { RingUse, WorkReading } from './partitions/work/partition-work.ts'
import type { WorkerThread } from './threads/worker-thread.ts'

interface SeenInHand {
  readonly offset: number
  readonly sinceMs: number
}

/** Makes the parts of a status snapshot from shared memory; remembers what it saw last, for ages and shares. */
export class StatusReport {
  readonly #inHand = new WeakMap<OwnedPartition, SeenInHand>()
  readonly #busy = new WeakMap<WorkerThread, { readonly atMs: number; readonly busyMs: number }>()
  readonly #startedAtMs = monotonicMs()

  partition(partition: OwnedPartition): PartitionStatus {
    const work = partition.work?.read() ?? null
    const end = work === null || work.highWatermark < 0 ? null : work.highWatermark
    return {
      topic: partition.topic,
      partition: partition.partition,
      state: partition.state,
      epoch: partition.claim?.epoch ?? null,
      threadId: partition.thread?.threadId ?? null,
      lanes: work?.lanes ?? 0,
      committed: toBigInt(partition.committed),
      committable: toBigInt(work?.floor ?? null),
      end: toBigInt(end),
      lag: work === null || end === null ? null : Math.max(0, end - work.floor),
      bufferedBytes: work?.bufferedBytes ?? 0,
      waitsFor: waitsFor(partition, work),
      retry: retryOf(work),
      oldestInHand: this.#oldestInHand(partition, work?.oldestInHand ?? null),
      handled: partition.handled,
      ring: work?.ring ? ringStatus(work.ring, end) : null,
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
      handled: partitions.reduce((sum, partition) => sum + partition.handledOn(thread), thread.handledBefore),
      restarts: thread.restarts,
    }
  }

  /** Age is counted from when a look first saw this record in hand: workers read no clock per record. */
  #oldestInHand(
    partition: OwnedPartition,
    record: WorkReading['oldestInHand'],
  ): PartitionStatus['oldestInHand'] {
    if (record === null) return null
    const { offset, attempts } = record
    const seen = this.#inHand.get(partition)
    const nowMs = monotonicMs()
    const since = seen?.offset === offset ? seen : { offset, sinceMs: this.#runningSince(partition, nowMs) }
    this.#inHand.set(partition, since)
    return { offset: BigInt(offset), ageMs: nowMs - since.sinceMs, attempt: attempts + 1 }
  }

  #runningSince(partition: OwnedPartition, nowMs: number): number {
    const worker = partition.thread?.memory.read()
    return worker?.running === true ? worker.runningSinceMs : nowMs
  }
}

function ringStatus({ bytes, capacityBytes, lanes }: RingUse, end: number | null): RingStatus {
  const floors = lanes.map(({ floor }) => floor)
  return {
    bytes,
    capacityBytes,
    spread: Math.max(...floors) - Math.min(...floors),
    lanes: lanes.map(({ lane, floor, waitsFor }) => ({
      lane,
      floor: BigInt(floor),
      lag: end === null ? null : Math.max(0, end - floor),
      waitsFor,
    })),
  }
}

function waitsFor(partition: OwnedPartition, work: WorkReading | null): string {
  if (work === null) return partition.state === 'waiting' ? 'claim' : ''
  return work.waitsFor === '' && partition.isHeld ? 'alone' : work.waitsFor
}

function retryOf(work: WorkReading | null): PartitionStatus['retry'] {
  if (work === null || work.retry === null) return null
  const { offset, attempts, sinceMs, atMs } = work.retry
  const nowMs = monotonicMs()
  return {
    offset: BigInt(offset),
    attempts,
    waitedMs: Math.max(0, nowMs - sinceMs),
    inMs: Math.max(0, atMs - nowMs),
  }
}

function toBigInt(offset: number | null): bigint | null {
  return offset === null ? null : BigInt(offset)
}
