import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'
import { GroupError, isGroupError, messageOf } from '../../shared/errors.ts'
import type { BrokerConnection, HostPort } from '../../shared/kafka/broker-connection.ts'
import { errorCodeName, fetchPolicy } from '../../shared/kafka/error-codes.ts'
import type { OffsetTime, PartitionOffset } from '../../shared/kafka/list-offsets.ts'
import { partitionName, type BrokerAddress, type Offset, type TopicPartition } from '../../shared/types.ts'

const RETRY = { initialMs: 100, maxMs: 1000 }

/** What listing needs of the cluster. */
export interface LeaderPort {
  leaderOf(partition: TopicPartition): BrokerAddress | null
  refresh(): Promise<void>
  /** Runs `use` on a connection to this broker. */
  withConnection<T>(to: HostPort, use: (connection: BrokerConnection) => Promise<T>): Promise<T>
}

export interface LeaderOffsetsRequest {
  readonly partitions: readonly TopicPartition[]
  readonly at: OffsetTime
  readonly readCommitted: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
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

interface Round {
  readonly answered: readonly LeaderOffset[]
  readonly unanswered: readonly Unanswered[]
}

/**
 * Asks each partition's leader, and again after a metadata refresh while some leader is stale or away. FETCH_REFUSED
 * for a partition that no retry can help, BROKER_DISCONNECTED naming those without an answer when the time is up.
 */
export async function listLeaderOffsets(
  port: LeaderPort,
  request: LeaderOffsetsRequest,
): Promise<LeaderOffset[]> {
  const deadlineMs = monotonicMs() + request.timeoutMs
  const backoff = new Backoff(RETRY)
  const offsets: LeaderOffset[] = []
  let open = request.partitions
  for (;;) {
    const { answered, unanswered } = await askLeaders(port, request, open)
    offsets.push(...answered)
    if (unanswered.length === 0) return offsets
    if (monotonicMs() >= deadlineMs) throw noAnswer(unanswered, request.timeoutMs)
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

async function askLeaders(
  port: LeaderPort,
  request: LeaderOffsetsRequest,
  partitions: readonly TopicPartition[],
): Promise<Round> {
  const leaders = new Map(partitions.map(partition => [partition, port.leaderOf(partition)]))
  const brokers = new Set([...leaders.values()].filter(leader => leader !== null))
  const rounds = await Promise.all(
    Array.from(brokers, broker =>
      askLeader(
        port,
        request,
        broker,
        partitions.filter(partition => leaders.get(partition) === broker),
      ),
    ),
  )
  const leaderless = partitions.filter(partition => leaders.get(partition) === null)
  return {
    answered: rounds.flatMap(round => round.answered),
    unanswered: [
      ...rounds.flatMap(round => round.unanswered),
      ...leaderless.map(partition => ({ partition, reason: 'it has no leader' })),
    ],
  }
}

async function askLeader(
  port: LeaderPort,
  { at, readCommitted }: LeaderOffsetsRequest,
  broker: BrokerAddress,
  partitions: readonly TopicPartition[],
): Promise<Round> {
  try {
    const answers = await port.withConnection(broker, connection =>
      connection.listOffsets({ at, readCommitted, partitions }),
    )
    return sorted(answers, at)
  } catch (error) {
    if (isGroupError(error) && !error.retryable) throw error
    return {
      answered: [],
      unanswered: partitions.map(partition => ({ partition, reason: messageOf(error) })),
    }
  }
}

function sorted(answers: readonly PartitionOffset[], at: OffsetTime): Round {
  const answered: LeaderOffset[] = []
  const unanswered: Unanswered[] = []
  for (const { topic, partition, errorCode, offset } of answers) {
    const of = { topic, partition }
    const policy = fetchPolicy(errorCode)
    if (policy === 'fatal' || policy === 'out-of-range') throw refused(of, errorCode)
    const isMissing = policy === 'ok' && offset === null && typeof at === 'string'
    if (policy === 'ok' && !isMissing) answered.push({ ...of, offset })
    else
      unanswered.push({
        partition: of,
        reason: isMissing ? 'the broker named no offset' : errorCodeName(errorCode),
      })
  }
  return { answered, unanswered }
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
