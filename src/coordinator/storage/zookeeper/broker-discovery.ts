import { GroupError } from '../../../shared/errors.ts'
import { parseHostPort, type HostPort } from '../../../shared/host-port.ts'
import type { KafkaConnectionOptions } from '../../../shared/kafka/connection-options.ts'
import type { BrokerAddress } from '../../../shared/types.ts'
import type { ZooKeeperClient } from './client.ts'
import { preview } from './formats.ts'
import { brokerIdsPath } from './paths.ts'

/** `security.protocol` of Kafka: which of a broker's listeners this member can talk to. */
export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

/** The protocol that follows from how a member connects. */
export function securityProtocolOf({ ssl, sasl }: KafkaConnectionOptions): SecurityProtocol {
  const isEncrypted = ssl !== null && ssl !== false
  if (sasl === null) return isEncrypted ? 'SSL' : 'PLAINTEXT'
  return isEncrypted ? 'SASL_SSL' : 'SASL_PLAINTEXT'
}

/** What a broker registers, versions 1 to 5; `host` and `port` are null and -1 where no listener is PLAINTEXT. */
interface BrokerRegistration {
  readonly host?: unknown
  readonly port?: unknown
  readonly endpoints?: unknown
  readonly listener_security_protocol_map?: unknown
}

/** The brokers registered in ZooKeeper; empty if there are none. BROKERS_NOT_FOUND if none has a fitting listener. */
export async function listBrokers(
  client: ZooKeeperClient,
  chroot: string,
  protocol: SecurityProtocol,
): Promise<BrokerAddress[]> {
  const directory = brokerIdsPath(chroot)
  const names = (await client.getChildren(directory)) ?? []
  const ids = names.filter(name => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
  const nodes = await Promise.all(ids.map(id => client.getData(`${directory}/${id}`)))
  const registered = ids.flatMap((id, index) => {
    const node = nodes[index] ?? null // null: the broker has gone between the two reads
    return node === null ? [] : [{ id: Number(id), text: node.data.toString('utf8') }]
  })
  const brokers = registered.flatMap(({ id, text }) => brokerAddress(id, text, protocol, directory) ?? [])
  if (registered.length > 0 && brokers.length === 0) throw noListener(registered, protocol, directory)
  return brokers
}

/** Address of the broker's first listener with this protocol; null if it has none. */
export function brokerAddress(
  nodeId: number,
  text: string,
  protocol: SecurityProtocol,
  directory: string,
): BrokerAddress | null {
  const broker = parse(text, `${directory}/${nodeId}`)
  const protocols = asMap(broker.listener_security_protocol_map)
  for (const endpoint of Array.isArray(broker.endpoints) ? broker.endpoints : []) {
    const parsed = parseEndpoint(String(endpoint))
    // Before the map existed a listener was named after its protocol.
    if (parsed !== null && (protocols[parsed.listener] ?? parsed.listener) === protocol)
      return { nodeId, host: parsed.host, port: parsed.port }
  }
  const { host, port } = broker
  const isLegacy = protocol === 'PLAINTEXT' && typeof host === 'string' && typeof port === 'number'
  return isLegacy && host !== '' && port > 0 ? { nodeId, host, port } : null
}

function parse(text: string, path: string): BrokerRegistration {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // told below, like any other text that is no JSON object
  }
  throw new GroupError('BROKERS_NOT_FOUND', `${path} holds ${preview(text)}, no broker registration`, {
    details: { path },
  })
}

function parseEndpoint(endpoint: string): ({ readonly listener: string } & HostPort) | null {
  const match = /^([^:/]+):\/\/(.+)$/.exec(endpoint)
  const address = parseHostPort(match?.[2] ?? '')
  return typeof address === 'string' ? null : { listener: match![1]!, ...address }
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function noListener(
  registered: readonly { id: number; text: string }[],
  protocol: SecurityProtocol,
  directory: string,
): GroupError {
  const ids = registered.map(({ id }) => id).join(', ')
  return new GroupError(
    'BROKERS_NOT_FOUND',
    `none of the brokers ${ids} in ${directory} has a ${protocol} listener; give their addresses, or the right ssl and sasl settings`,
    { details: { directory, protocol, brokers: registered.map(({ text }) => text).join('\n') } },
  )
}
