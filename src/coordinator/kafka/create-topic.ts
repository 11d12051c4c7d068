import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'
import { asGroupError, GroupError } from '../../shared/errors.ts'
import type { CreateTopicAnswer } from '../../shared/kafka/create-topic.ts'
import { ERROR_CODE, errorCodeName } from '../../shared/kafka/error-codes.ts'
import type { BrokerAddress } from '../../shared/types.ts'

/** What making a topic needs of the cluster. */
export interface TopicMaker {
  brokers(): Promise<readonly BrokerAddress[]>
  ask(broker: BrokerAddress): Promise<CreateTopicAnswer>
  readonly signal: AbortSignal
}

/** For a cluster that is choosing its controller. */
const PATIENCE_MS = 10_000
const RETRY = { initialMs: 100, maxMs: 1_000 }

/** What passes: somebody else is the controller, or it has begun and says soon that the topic is there. */
const PASSING: readonly number[] = [ERROR_CODE.notController, ERROR_CODE.requestTimedOut]

/**
 * Asks one broker after the other until one is the controller: only that one makes topics, and which one it is may change.
 * BROKER_REFUSED, or what kept the brokers from answering.
 */
export async function createTopic(topic: string, maker: TopicMaker): Promise<void> {
  const deadlineMs = monotonicMs() + PATIENCE_MS
  const backoff = new Backoff(RETRY)
  for (;;) {
    const failure = await askEach(topic, maker)
    if (failure === null) return
    if (monotonicMs() >= deadlineMs) throw failure
    await backoff.wait(maker.signal)
  }
}

/** Null when it is there; else why it may be there later. Rejects if it will not. */
async function askEach(topic: string, maker: TopicMaker): Promise<GroupError | null> {
  let failure = new GroupError('BROKER_DISCONNECTED', `no broker makes topic "${topic}": none is known`)
  for (const broker of await maker.brokers()) {
    try {
      const { errorCode, message } = await maker.ask(broker)
      if (errorCode === ERROR_CODE.none || errorCode === ERROR_CODE.topicAlreadyExists) return null
      failure = notMade(topic, errorCode, message)
    } catch (error) {
      failure = asGroupError(error, `making topic "${topic}"`)
    }
    if (!failure.retryable && !isPassing(failure)) throw failure
  }
  return failure
}

function isPassing({ details }: GroupError): boolean {
  const { errorCode } = details
  return typeof errorCode === 'number' && PASSING.includes(errorCode)
}

function notMade(topic: string, errorCode: number, message: string | null): GroupError {
  const words = message === null ? '' : ` (${message})`
  return new GroupError(
    'BROKER_REFUSED',
    `topic "${topic}" was not made: ${errorCodeName(errorCode)}${words}`,
    { details: { topic, errorCode } },
  )
}
