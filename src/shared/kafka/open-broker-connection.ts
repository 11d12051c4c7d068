import { fieldOf, GroupError, isGroupError, messageOf, toError } from '../errors.ts'
import { formatHostPort, type HostPort } from '../host-port.ts'
import type { Logger } from '../logger.ts'
import { startPatientTimeout } from '../patient-timer.ts'
import { chooseVersion, KNOWN_APIS, type ApiVersions } from './api-versions.ts'
import { KafkaBrokerConnection, type BrokerConnection } from './broker-connection.ts'
import type { KafkaConnectionOptions } from './connection-options.ts'
import { CLOSED_BY_BROKER, HardenedConnection } from './hardened-connection.ts'
import { apis } from './kafkajs-internals.ts'

export interface OpenBrokerConnection {
  readonly address: HostPort
  readonly options: KafkaConnectionOptions
  readonly logger: Logger
  /** Saves the question for them; only if they are this very broker's, for a cluster may mix versions. */
  readonly versions?: ApiVersions
  /** Gives the attempt up. */
  readonly signal?: AbortSignal
}

/** Every broker answers this version, and its answer is the same from all of them. */
const API_VERSIONS_VERSION = 0

/**
 * Connects, asks for the versions and authenticates, all within `options.connectionTimeoutMs` of time in which the
 * event loop could run. BROKERS_UNREACHABLE if nobody answers like a broker, BROKER_REFUSED if the login fails,
 * BROKER_UNSUPPORTED if the broker is too old or too new. Nothing stays open after a failure.
 */
export async function openBrokerConnection(request: OpenBrokerConnection): Promise<BrokerConnection> {
  const { address, options, logger, signal } = request
  const connection = new HardenedConnection({ ...address, options, logger })
  const giveUp = (why: string): void => connection.shut(unreachable(address, why))
  const cancelTimeout = startPatientTimeout(options.connectionTimeoutMs, () =>
    giveUp(`no answer within ${options.connectionTimeoutMs} ms`),
  )
  const abort = (): void => giveUp('given up')
  signal?.addEventListener('abort', abort)
  try {
    if (signal?.aborted === true) abort()
    const versions = await whileOpen(connection, () => handshake(connection, request))
    return new KafkaBrokerConnection(connection, { address, versions, options, logger })
  } catch (thrown) {
    const error = explained(thrown, connection, request)
    connection.shut(error)
    throw error
  } finally {
    cancelTimeout()
    signal?.removeEventListener('abort', abort)
  }
}

async function handshake(
  connection: HardenedConnection,
  request: OpenBrokerConnection,
): Promise<ApiVersions> {
  const broker = formatHostPort(request.address)
  await connection.connect()
  const versions = request.versions ?? (await askVersions(connection))
  for (const api of [KNOWN_APIS.fetch, KNOWN_APIS.listOffsets, KNOWN_APIS.metadata]) {
    chooseVersion(api, versions, broker)
  }
  connection.setVersions(versions)
  if (request.options.sasl !== null) {
    chooseVersion(KNOWN_APIS.saslAuthenticate, versions, broker)
    connection.setSupportAuthenticationProtocol(true)
    await connection.authenticate()
  }
  return versions
}

async function askVersions(connection: HardenedConnection): Promise<ApiVersions> {
  const { apiVersions } = await connection.send(
    apis.ApiVersions.protocol({ version: API_VERSIONS_VERSION })(),
  )
  return Object.fromEntries(
    apiVersions.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { minVersion, maxVersion }]),
  )
}

/** Not every step hears of the connection's end by itself: a connect that is given up never settles. */
async function whileOpen<T>(connection: HardenedConnection, work: () => Promise<T>): Promise<T> {
  const end = connection.ended.then(reason => Promise.reject(reason))
  return await Promise.race([work(), end])
}

function explained(
  thrown: unknown,
  connection: HardenedConnection,
  request: OpenBrokerConnection,
): GroupError {
  const { address, options } = request
  const { endedBy } = connection
  if (endedBy?.code === 'BROKERS_UNREACHABLE') return endedBy
  if (isGroupError(thrown, 'BROKER_UNSUPPORTED')) return thrown
  if (endedBy === null && options.sasl !== null && isRefusedLogin(thrown)) {
    return refusedLogin(thrown, address, options.sasl.mechanism)
  }
  return endedBy === null
    ? unreachable(address, messageOf(thrown), thrown)
    : unreachable(address, reasonOf(endedBy), endedBy)
}

function reasonOf(endedBy: GroupError): string {
  const { reason } = endedBy.details
  if (reason === CLOSED_BY_BROKER)
    return `${CLOSED_BY_BROKER} before it answered; does it expect TLS or a login?`
  return typeof reason === 'string' ? reason : endedBy.message
}

/** kafkajs has classes for both, but no way to import one that survives a second copy of it. */
function isRefusedLogin(thrown: unknown): boolean {
  const name = fieldOf(toError(thrown), 'name')
  return name === 'KafkaJSSASLAuthenticationError' || name === 'KafkaJSProtocolError'
}

function refusedLogin(thrown: unknown, address: HostPort, mechanism: string): GroupError {
  const broker = formatHostPort(address)
  return new GroupError(
    'BROKER_REFUSED',
    `broker ${broker} refused the login (${mechanism}): ${messageOf(thrown)}; check kafka.sasl`,
    { details: { broker, mechanism }, cause: thrown },
  )
}

function unreachable(address: HostPort, why: string, cause?: unknown): GroupError {
  const broker = formatHostPort(address)
  return new GroupError('BROKERS_UNREACHABLE', `could not open a connection to broker ${broker}: ${why}`, {
    details: { broker },
    cause,
  })
}
