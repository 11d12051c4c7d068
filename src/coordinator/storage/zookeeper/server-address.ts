import { GroupError } from '../../../shared/errors.ts'
import { parseHostPort, withoutCredentials, type HostPort } from '../../../shared/host-port.ts'

/** `host:port` or `[ipv6]:port`. The client library, given such text, cuts IPv6 addresses at their first colon. */
export function parseServer(text: string): HostPort {
  const parsed = parseHostPort(text)
  if (typeof parsed !== 'string') return parsed
  throw new GroupError('CONFIG_INVALID', `invalid ZooKeeper server: expected ${parsed}`, {
    details: { server: withoutCredentials(text) },
  })
}
