import { isIPv6 } from 'node:net'
import { GroupError } from '../../../shared/errors.ts'

export interface ServerAddress {
  readonly host: string
  readonly port: number
}

const DEFAULT_PORT = 2181

/** `host:port`, `host`, `[ipv6]:port` or a bare IPv6 address. The client library cuts IPv6 addresses at their first colon. */
export function parseServer(text: string): ServerAddress {
  const bracketed = /^\[([^[\]]+)\](?::(\d+))?$/.exec(text)
  if (bracketed !== null && isIPv6(bracketed[1]!)) return address(text, bracketed[1]!, bracketed[2])
  if (isIPv6(text)) return address(text, text, undefined)
  const plain = /^([^:[\]/\s]+)(?::(\d+))?$/.exec(text)
  if (plain === null) throw malformed(text)
  return address(text, plain[1]!, plain[2])
}

function address(text: string, host: string, portText: string | undefined): ServerAddress {
  const port = portText === undefined ? DEFAULT_PORT : Number(portText)
  if (port < 1 || port > 65_535) throw malformed(text)
  return { host, port }
}

function malformed(text: string): GroupError {
  return new GroupError('CONFIG_INVALID', `ZooKeeper server ${JSON.stringify(text)} is not host:port`, {
    details: { server: text },
  })
}
