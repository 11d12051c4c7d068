import { setTimeout as delay } from 'node:timers/promises'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import { formatHostPort, type HostPort } from '../../shared/host-port.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import { startPatientTimeout } from '../../shared/patient-timer.ts'

/** How long a broker may be silent before the next one is tried beside it. */
const HEAD_START_MS = 500

/** Opens a connection to one broker; `signal` gives it up. */
export type OpenConnection = (address: HostPort, signal: AbortSignal) => Promise<BrokerConnection>

export interface OpenAny {
  /** At least one, in order of preference. */
  readonly addresses: readonly HostPort[]
  readonly open: OpenConnection
  /** For all of them together. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * A connection to the first broker that answers. The next one is tried as soon as one has failed, and beside one that
 * is silent, so that a dead first address holds up nobody. Nothing but the winner stays open.
 * BROKERS_UNREACHABLE names every address; if a broker answered and refused us, its refusal is thrown instead.
 */
export async function openAny({ addresses, open, timeoutMs, signal }: OpenAny): Promise<BrokerConnection> {
  const over = new AbortController()
  const cancelTimeout = startPatientTimeout(timeoutMs, () => over.abort())
  const attempts = staggered(addresses, open, AbortSignal.any([signal, over.signal]))
  try {
    const winner = await Promise.any(attempts)
    for (const attempt of attempts) closeUnless(winner, attempt)
    return winner
  } catch (failure) {
    throw allFailed(addresses, (failure as AggregateError).errors)
  } finally {
    cancelTimeout()
    over.abort()
  }
}

function staggered(
  addresses: readonly HostPort[],
  open: OpenConnection,
  signal: AbortSignal,
): Promise<BrokerConnection>[] {
  let turn: Promise<unknown> = Promise.resolve()
  return addresses.map(address => {
    const attempt = turn.then(() => open(address, signal))
    turn = turn.then(() => Promise.race([failed(attempt), headStart(signal)]))
    return attempt
  })
}

/** Resolves when the attempt has failed; never if it succeeds, for then nobody waits. */
function failed(attempt: Promise<unknown>): Promise<void> {
  const never = new Promise<void>(() => {})
  return attempt.then(
    () => never,
    () => {},
  )
}

async function headStart(signal: AbortSignal): Promise<void> {
  try {
    await delay(HEAD_START_MS, undefined, { signal })
  } catch {
    // given up: the attempts behind it see the same signal and fail at once
  }
}

/** Two may have answered in the same turn of the event loop. */
function closeUnless(winner: BrokerConnection, attempt: Promise<BrokerConnection>): void {
  attempt.then(
    connection => {
      if (connection !== winner) connection.close()
    },
    () => {}, // a loser that failed has nothing open
  )
}

function allFailed(addresses: readonly HostPort[], errors: unknown[]): GroupError {
  const causes = errors.filter(error => isGroupError(error))
  const refusal = causes.find(error => error.code !== 'BROKERS_UNREACHABLE')
  if (refusal !== undefined) return refusal
  const names = addresses.map(formatHostPort)
  const reasons = causes.map(error => error.message).join('; ')
  return new GroupError(
    'BROKERS_UNREACHABLE',
    `no Kafka broker of ${names.join(', ')} answered: ${reasons}`,
    {
      details: { brokers: names },
      cause: errors[0],
    },
  )
}
