import { once } from 'node:events'
import { asGroupError, type GroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import { byLeader, listLeaderOffsets, type LeaderPort } from './leader-offsets.ts'

export interface OffsetsInTimeRequest {
  readonly partitions: readonly TopicPartition[]
  /** No time: there an offset may be missing although the leader answered. */
  readonly at: 'earliest' | 'latest'
  readonly readCommitted: boolean
  readonly patienceMs: number
  readonly signal: AbortSignal
}

type Listed = TopicPartition & { readonly offset: Offset }

/**
 * The offsets that leaders name within the time, in the order of the partitions. Each leader is asked by itself, so
 * that none waits for another; whoever refuses or stays silent is logged. Rejects only if the signal aborts.
 */
export async function listOffsetsInTime(
  port: LeaderPort,
  request: OffsetsInTimeRequest,
  logger: Logger,
): Promise<Listed[]> {
  const { partitions, patienceMs, signal } = request
  const found = new Map<string, Offset>()
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), patienceMs)
  const either = AbortSignal.any([signal, patience.signal])
  const listings = Array.from(byLeader(port, partitions).values(), led =>
    listLed(port, { ...request, partitions: led, signal: either }, found, logger),
  )
  await Promise.race([Promise.all(listings), once(either, 'abort')])
  clearTimeout(timer)
  patience.abort() // also cuts what is still asked after `signal` has ended the wait
  signal.throwIfAborted()
  return offsetsOf(partitions, found, logger)
}

/** Never rejects. */
async function listLed(
  port: LeaderPort,
  request: OffsetsInTimeRequest,
  found: Map<string, Offset>,
  logger: Logger,
): Promise<void> {
  const failed = (error: GroupError): void =>
    logger.warn({ err: toLoggable(error) }, 'a broker names no offset of some partitions')
  try {
    await listLeaderOffsets(port, {
      ...request,
      timeoutMs: request.patienceMs,
      found: ({ topic, partition, offset }) => {
        if (offset !== null) found.set(partitionName({ topic, partition }), offset)
      },
      failed,
    })
  } catch (error) {
    if (!request.signal.aborted) failed(asGroupError(error, 'listing offsets')) // else that is what ended it
  }
}

function offsetsOf(
  partitions: readonly TopicPartition[],
  found: ReadonlyMap<string, Offset>,
  logger: Logger,
): Listed[] {
  const listed = partitions.flatMap(({ topic, partition }) => {
    const offset = found.get(partitionName({ topic, partition }))
    return offset === undefined ? [] : [{ topic, partition, offset }]
  })
  const missing = partitions.map(partitionName).filter(name => !found.has(name))
  if (missing.length > 0) logger.warn({ partitions: missing }, 'offsets of these partitions are left out')
  return listed
}
