import { GroupError, isGroupError, messageOf } from '../../shared/errors.ts'
import { errorCodeName, fetchPolicy } from '../../shared/kafka/error-codes.ts'
import type { FetchedPartition } from '../../shared/kafka/fetch-response.ts'
import type { LaneId } from '../../shared/protocol.ts'
import { partitionName, type Offset } from '../../shared/types.ts'
import type { FetchedRecords, LaneInbox } from './lane-inbox.ts'

/** What an answer may lead to outside of the feed. */
export interface AnswerHost {
  readonly readCommitted: boolean
  leadersStale(reason: string): void
  resolveOutOfRange(lane: LaneId, position: Offset): Promise<Offset>
}

/** What the request said of the partition. */
export interface AskedPosition {
  readonly offset: Offset
  /** The broker had to send a first batch of up to this size whole. */
  readonly wholeBytes: number
}

/**
 * Puts into the inbox what an answer holds for its partition; returns whether it brought anything. An error is that
 * partition's alone, and no error moves the position by itself.
 */
export function applyAnswer(
  answer: FetchedPartition,
  asked: AskedPosition,
  inbox: LaneInbox,
  host: AnswerHost,
): boolean {
  const reason = `${partitionName(inbox)}: ${errorCodeName(answer.errorCode)}`
  switch (fetchPolicy(answer.errorCode)) {
    case 'ok':
      inbox.answered(host.readCommitted ? answer.lastStableOffset : answer.highWatermark)
      return answer.records !== null && inbox.accept(recordsOf(answer, answer.records, asked))
    case 'stale-leader':
      inbox.rest(reason)
      host.leadersStale(reason)
      return false
    case 'retry':
      inbox.rest(reason)
      return false
    case 'out-of-range':
      inbox.askWhenEmpty(() => void askWhereToGoOn(inbox, host))
      return false
    case 'fatal':
      inbox.fail(refused(answer, asked.offset))
      return false
  }
}

function recordsOf(answer: FetchedPartition, records: Buffer, asked: AskedPosition): FetchedRecords {
  return {
    records,
    fetchOffset: asked.offset,
    aborted: answer.aborted ?? [],
    endOffset: answer.highWatermark,
    wholeBytes: asked.wholeBytes,
  }
}

async function askWhereToGoOn(inbox: LaneInbox, host: AnswerHost): Promise<void> {
  const { position } = inbox
  try {
    const target = await host.resolveOutOfRange(inbox.lane, position)
    if (inbox.isClosed) return // drained while the coordinator was asked
    if (target >= position) inbox.jumpTo(target)
    else inbox.fail(backwards(inbox, position, target))
  } catch (thrown) {
    if (inbox.isClosed) return
    if (isGroupError(thrown) && thrown.retryable) inbox.rest(thrown.message)
    else inbox.fail(isGroupError(thrown) ? thrown : unresolved(inbox, position, thrown))
  }
}

function refused({ topic, partition, errorCode }: FetchedPartition, offset: Offset): GroupError {
  const where = `${partitionName({ topic, partition })} at offset ${offset}`
  return new GroupError(
    'FETCH_REFUSED',
    `the broker refused to serve ${where}: ${errorCodeName(errorCode)}; the partition stops there`,
    { details: { topic, partition, offset, errorCode } },
  )
}

/** A floor never sinks within a claim: whoever wants the lane further back must end it and start it anew. */
function backwards({ topic, partition }: LaneInbox, offset: Offset, target: Offset): GroupError {
  const where = partitionName({ topic, partition })
  return new GroupError(
    'OFFSET_OUT_OF_RANGE',
    `offset ${offset} of ${where} is outside of the log, and the lane cannot go back to ${target} under the same claim`,
    { details: { topic, partition, offset, target } },
  )
}

function unresolved({ topic, partition }: LaneInbox, offset: Offset, thrown: unknown): GroupError {
  const where = partitionName({ topic, partition })
  return new GroupError(
    'OFFSET_OUT_OF_RANGE',
    `offset ${offset} of ${where} is outside of the log, and where to go on could not be found out: ${messageOf(thrown)}`,
    { details: { topic, partition, offset }, cause: thrown },
  )
}
