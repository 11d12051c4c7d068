import { asGroupError, GroupError } from '../../shared/errors.ts'
import type { CreateTopicAnswer } from '../../shared/kafka/create-topic.ts'
import { ERROR_CODE, errorCodeName } from '../../shared/kafka/error-codes.ts'
import type { BrokerAddress } from '../../shared/types.ts'

/** Asks one broker after the other until one is the controller: only that one makes topics, and which one it is may change. */
export async function createTopic(
  topic: string,
  brokers: readonly BrokerAddress[],
  ask: (broker: BrokerAddress) => Promise<CreateTopicAnswer>,
): Promise<void> {
  let failure = new GroupError('BROKER_DISCONNECTED', `no broker makes topic "${topic}": none is known`)
  for (const broker of brokers) {
    try {
      const { errorCode, message } = await ask(broker)
      if (errorCode === ERROR_CODE.none || errorCode === ERROR_CODE.topicAlreadyExists) return
      failure = notMade(topic, errorCode, message)
      if (errorCode !== ERROR_CODE.notController) throw failure
    } catch (error) {
      failure = asGroupError(error, `making topic "${topic}"`)
      if (!failure.retryable) throw failure
    }
  }
  throw failure
}

function notMade(topic: string, errorCode: number, message: string | null): GroupError {
  const words = message === null ? '' : ` (${message})`
  return new GroupError(
    'BROKER_REFUSED',
    `topic "${topic}" was not made: ${errorCodeName(errorCode)}${words}`,
    { details: { topic, errorCode } },
  )
}
