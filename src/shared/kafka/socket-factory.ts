import { connect, isIP, type Socket } from 'node:net'
import type * as Tls from 'node:tls'
import { loadedOnce } from '../loaded-once.ts'
import type { SocketRequest } from './kafkajs-internals.ts'

const tls = loadedOnce('node:tls') as () => typeof Tls

/** Silence after which the system asks a peer whether it is still there. */
const KEEP_ALIVE_MS = 30_000

/** Opens a socket the way kafkajs does, minus two of its defects: small requests wait for nothing, and no socket dies unheard. */
export function openSocket({ host, port, ssl, onConnect }: SocketRequest): Socket {
  const socket = isOff(ssl)
    ? connect({ host, port }, onConnect)
    : tls().connect({ host, port, ...serverName(host), ...(ssl === true ? {} : ssl) }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.setNoDelay(true)
  return endOnClose(socket)
}

function isOff(ssl: SocketRequest['ssl']): ssl is null | false {
  return ssl === null || ssl === false
}

/** Addresses are not allowed as a TLS server name. */
function serverName(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {}
}

/** kafkajs listens to `end` and `error` only; a socket that is destroyed emits neither, and its requests would hang. */
function endOnClose(socket: Socket): Socket {
  let heard = false
  const hear = (): void => {
    heard = true
  }
  socket.once('end', hear)
  socket.once('error', hear)
  socket.once('close', () => {
    if (!heard) socket.emit('end')
  })
  return socket
}
