import { deferred } from '../deferred.ts'
import { GroupError } from '../errors.ts'
import { startPatientTimeout } from '../patient-timer.ts'
import type { KafkaConnectionOptions } from './connection-options.ts'

/**
 * The sasl settings for one connection: a copy, because kafkajs writes into what it is given. The token provider gets
 * a deadline, and is not waited for once the connection has `ended`: kafkajs calls it in the middle of a request and
 * would wait for ever.
 */
export function saslOf(options: KafkaConnectionOptions, ended: () => Promise<GroupError>): object | null {
  const { sasl, requestTimeoutMs } = options
  if (sasl?.mechanism !== 'oauthbearer') return sasl === null ? null : { ...sasl }
  const provide = sasl.oauthBearerProvider
  return { ...sasl, oauthBearerProvider: () => within(requestTimeoutMs, provide, ended()) }
}

async function within<T>(
  timeoutMs: number,
  provide: () => Promise<T>,
  ended: Promise<GroupError>,
): Promise<T> {
  const late = deferred<never>()
  const cancel = startPatientTimeout(timeoutMs, () =>
    late.reject(
      new GroupError('BROKER_DISCONNECTED', `oauthBearerProvider gave no token within ${timeoutMs} ms`),
    ),
  )
  try {
    return await Promise.race([provide(), late.promise, ended.then(reason => Promise.reject(reason))])
  } finally {
    cancel()
  }
}
