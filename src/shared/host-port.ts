import net from 'node:net'

/** Where a server listens. An IPv6 host is without brackets. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Names of machines and containers; the underscore is not legal in DNS but common in container networks. */
const HOST_NAME = /^[a-zA-Z0-9_]([a-zA-Z0-9._-]*[a-zA-Z0-9_.])?$/
const MAX_PORT = 65_535

/** `host:port` or `[ipv6]:port`; or what is wrong with it, as the words that follow "expected". */
export function parseHostPort(text: string): HostPort | string {
  const colon = text.lastIndexOf(':')
  if (colon === -1 || text.endsWith(']')) return `host:port (${quoted(text)} has no port)`
  const host = parseHost(text.slice(0, colon))
  const port = parsePort(text.slice(colon + 1))
  if (host === null) return hostExpectation(text, text.slice(0, colon))
  if (port === null) return `host:port (${quoted(text)} has no port from 1 to ${MAX_PORT})`
  return { host, port }
}

/** The text that Kafka and ZooKeeper take and people read: IPv6 addresses in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

function parseHost(text: string): string | null {
  if (text.startsWith('[') && text.endsWith(']')) {
    const address = text.slice(1, -1)
    return net.isIPv6(address) ? address : null
  }
  return HOST_NAME.test(text) ? text : null
}

function parsePort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= MAX_PORT ? port : null
}

function hostExpectation(text: string, host: string): string {
  if (host === '') return `host:port (${quoted(text)} has no host)`
  if (host.includes(':')) return `host:port (${quoted(text)}: write an IPv6 address in brackets, [::1]:2181)`
  return `host:port (${quoted(text)} has no legal host name)`
}

function quoted(text: string): string {
  return text === '' ? 'an empty entry' : JSON.stringify(withoutCredentials(text))
}

/** Somebody may paste a URL with a password: what stands before the last '@' is never repeated. */
export function withoutCredentials(text: string): string {
  return text.replace(/^.*@/s, '***@')
}
