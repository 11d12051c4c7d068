import { deferred } from '../deferred.ts'
import { GroupError } from '../errors.ts'
import type { KafkaConnectionOptions } from './connection-options.ts'
import { startPatientTimeout } from './patient-timeout.ts'

/**
 * The sasl settings for one connection: a copy, because kafkajs writes into what it is given, and with a deadline on
 * the token provider, because kafkajs calls it in the middle of a request and would wait for ever.
 */
export function saslOf(options: KafkaConnectionOptions): object | null {
  const { sasl, requestTimeoutMs } = options
  if (sasl?.mechanism !== 'oauthbearer') return sasl === null ? null : { ...sasl }
  const provide = sasl.oauthBearerProvider
  return { ...sasl, oauthBearerProvider: () => within(requestTimeoutMs, provide) }
}

async function within<T>(timeoutMs: number, provide: () => Promise<T>): Promise<T> {
  const late = deferred<never>()
  const cancel = startPatientTimeout(timeoutMs, () =>
    late.reject(
      new GroupError('BROKER_DISCONNECTED', `oauthBearerProvider gave no token within ${timeoutMs} ms`),
    ),
  )
  try {
    return await Promise.race([provide(), late.promise])
  } finally {
    cancel()
  }
}
