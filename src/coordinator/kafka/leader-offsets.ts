import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'
import { asGroupError, GroupError, isGroupError } from '../../shared/errors.ts'
import type { HostPort } from '../../shared/host-port.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import { errorCodeName, fetchPolicy } from '../../shared/kafka/error-codes.ts'
import type { OffsetTime, PartitionOffset } from '../../shared/kafka/list-offsets.ts'
import { partitionName, type BrokerAddress, type Offset, type TopicPartition } from '../../shared/types.ts'

const RETRY = { initialMs: 100, maxMs: 1000 }

/** What listing needs of the cluster. */
export interface LeaderPort {
  leaderOf(partition: TopicPartition): BrokerAddress | null
  refresh(): Promise<void>
  /** Runs `use` on a connection to this broker; `signal` gives it up. */
  withConnection<T>(
    to: HostPort,
    signal: AbortSignal,
    use: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T>
}

export interface LeaderOffsetsRequest {
  readonly partitions: readonly TopicPartition[]
  readonly at: OffsetTime
  readonly readCommitted: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Told of each offset as soon as it is known. */
  readonly found: (offset: LeaderOffset) => void
  /**
   * Told why partitions get no offset: FETCH_REFUSED and other refusals of brokers at once, BROKER_DISCONNECTED for all
   * without an answer when the time is up. What it throws ends the listing.
   */
  readonly failed: (error: GroupError) => void
}

/** Null: no record is at or after the time. */
export interface LeaderOffset extends TopicPartition {
  readonly offset: Offset | null
}

/** A partition that has no answer yet, and why. */
interface Unanswered {
  readonly partition: TopicPartition
  readonly reason: string
}

/** Asks each partition's leader, and again after a metadata refresh while some leader is stale or away. */
export async function listLeaderOffsets(port: LeaderPort, request: LeaderOffsetsRequest): Promise<void> {
  const deadlineMs = monotonicMs() + request.timeoutMs
  const backoff = new Backoff(RETRY)
  let open = request.partitions
  for (;;) {
    const unanswered = await askLeaders(port, request, open)
    if (unanswered.length === 0) return
    if (monotonicMs() >= deadlineMs) {
      request.failed(noAnswer(unanswered, request.timeoutMs))
      return
    }
    open = unanswered.map(of => of.partition)
    await backoff.wait(request.signal)
    await refreshIfPossible(port, request.signal)
  }
}

/** A cluster that is away for a moment may be back before the time is up; until then what is known has to do. */
async function refreshIfPossible(port: LeaderPort, signal: AbortSignal): Promise<void> {
  try {
    await port.refresh()
  } catch (error) {
    if (signal.aborted || !isGroupError(error) || !error.retryable) throw error
  }
}

/** The partitions that each broker leads, and as null those without a leader. */
export function byLeader(
  port: LeaderPort,
  partitions: readonly TopicPartition[],
): Map<BrokerAddress | null, TopicPartition[]> {
  const led = new Map<BrokerAddress | null, TopicPartition[]>()
  for (const partition of partitions) {
    const leader = port.leaderOf(partition)
    const known = led.get(leader)
    if (known === undefined) led.set(leader, [partition])
    else known.push(partition)
  }
  return led
}

async function askLeaders(
  port: LeaderPort,
  request: LeaderOffsetsRequest,
  partitions: readonly TopicPartition[],
): Promise<Unanswered[]> {
  const rounds = Array.from(byLeader(port, partitions), async ([leader, led]) =>
    leader === null
      ? led.map(partition => ({ partition, reason: 'it has no leader' }))
      : askLeader(port, request, leader, led),
  )
  return (await Promise.all(rounds)).flat()
}

async function askLeader(
  port: LeaderPort,
  request: LeaderOffsetsRequest,
  broker: BrokerAddress,
  partitions: readonly TopicPartition[],
): Promise<Unanswered[]> {
  const { at, readCommitted, signal } = request
  const answers = await port
    .withConnection(broker, signal, connection => connection.listOffsets({ at, readCommitted, partitions }))
    .catch((error: unknown) => asGroupError(error, 'listing offsets'))
  if (!(answers instanceof GroupError)) return answers.flatMap(answer => unansweredBy(answer, request))
  if (answers.retryable) return partitions.map(partition => ({ partition, reason: answers.message }))
  request.failed(answers)
  return []
}

/** Tells what the answer says; it is none yet if it is worth to ask again. */
function unansweredBy(answer: PartitionOffset, { at, found, failed }: LeaderOffsetsRequest): Unanswered[] {
  const { topic, partition, errorCode, offset } = answer
  const policy = fetchPolicy(errorCode)
  const isMissing = policy === 'ok' && offset === null && typeof at === 'string'
  if (isMissing) return [{ partition: { topic, partition }, reason: 'the broker named no offset' }]
  if (policy === 'ok') found({ topic, partition, offset })
  else if (policy === 'fatal' || policy === 'out-of-range') failed(refused({ topic, partition }, errorCode))
  else return [{ partition: { topic, partition }, reason: errorCodeName(errorCode) }]
  return []
}

function refused({ topic, partition }: TopicPartition, errorCode: number): GroupError {
  const name = partitionName({ topic, partition })
  return new GroupError(
    'FETCH_REFUSED',
    `the leader of ${name} refused to name an offset: ${errorCodeName(errorCode)}`,
    { details: { topic, partition, errorCode } },
  )
}

function noAnswer(unanswered: readonly Unanswered[], timeoutMs: number): GroupError {
  const reasons = unanswered.map(({ partition, reason }) => `${partitionName(partition)} (${reason})`)
  return new GroupError(
    'BROKER_DISCONNECTED',
    `no offset within ${timeoutMs} ms for ${reasons.join(', ')}; try again when the partitions have leaders`,
    { details: { partitions: unanswered.map(({ partition }) => partitionName(partition)) } },
  )
}
