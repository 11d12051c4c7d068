import type { HostPort } from '#src/shared/host-port.js'
import type { KafkaConnectionOptions } from '#src/shared/kafka/connection-options.js'

/** Connection settings of tests: everything off, and deadlines that a failing test can wait for. */
export function connectionOptions(changes: Partial<KafkaConnectionOptions> = {}): KafkaConnectionOptions {
  return {
    clientId: 'test',
    ssl: null,
    sasl: null,
    connectionTimeoutMs: 5000,
    requestTimeoutMs: 5000,
    ...changes,
  }
}

/** `host:port` in parts. */
export function hostPort(address: string): HostPort {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
