import { Backoff } from '../../../shared/backoff.ts'
import { isGroupError } from '../../../shared/errors.ts'
import { disconnected } from './answers.ts'
import type { ZooKeeperClient } from './client.ts'
import type { OutstandingCall } from './outstanding-calls.ts'
import type { Session } from './session.ts'
import { after, firstOf } from './wait.ts'

/** After an answer that was lost: in case the session does not know yet that the connection is gone. */
const AGAIN = { initialMs: 20, maxMs: 500 }

/**
 * Does what may be done twice. A connection that is away, or lost before the answer, is waited for within
 * `patienceMs`; then ZOOKEEPER_DISCONNECTED. A session that is over is not waited for: SESSION_EXPIRED.
 */
export async function acrossReconnects<T>(
  session: Session,
  patienceMs: number,
  what: OutstandingCall,
  work: (client: ZooKeeperClient) => Promise<T>,
): Promise<T> {
  const patience = new AbortController()
  const timer = setTimeout(
    () => patience.abort(disconnected(what, `ZooKeeper did not come back within ${patienceMs} ms`)),
    patienceMs,
  )
  const backoff = new Backoff(AGAIN)
  try {
    for (;;) {
      const client = await session.whenConnected(what.operation, what.path, patience.signal)
      try {
        return await work(client)
      } catch (error) {
        if (!isGroupError(error, 'ZOOKEEPER_DISCONNECTED')) throw error
      }
      await firstOf([after(backoff.nextDelayMs())], patience.signal)
    }
  } finally {
    clearTimeout(timer)
  }
}
