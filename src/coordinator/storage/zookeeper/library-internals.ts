import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { HostPort } from '../../../shared/host-port.ts'
import { assertKnownVersion } from '../../../shared/known-version.ts'

const KNOWN_VERSION = '1.1.3'

/**
 * What the guards touch inside node-zookeeper-client, where its defects are; the version is pinned for this. Its
 * methods are looked up on the instance at each connect, so replacing them on one instance is enough.
 */
export interface ConnectionManager extends EventEmitter {
  state: number
  servers: HostPort[]
  socket?: Socket
  connectTimeoutHandler: NodeJS.Timeout | null
  sessionId: Buffer
  sessionTimeout: number
  pendingBuffer: Buffer | null
  xid: number
  packetQueue: { queue: unknown[] }
  watcherManager: Record<'dataWatchers' | 'existenceWatchers' | 'childWatchers', Record<string, unknown>>
  queue(request: unknown, callback: (error: unknown, response?: MultiResponse) => void): void
  findNextServer(callback: (server: HostPort) => void): void
  connect(): void
  close(): void
  onSocketData(bytes: Buffer): void
  onSocketClosed(hadError: boolean): void
  onSocketError(error: Error): void
}

export interface MultiResponse {
  readonly payload: { readonly results: readonly OpResult[] }
}

export interface OpResult {
  readonly type: number
  /** Error code of a step, where the transaction failed. */
  readonly err?: number
  readonly stat?: { readonly version: number }
}

/** 64-bit numbers are buffers of eight bytes there. */
export interface LibraryStat {
  readonly czxid: Buffer
  readonly mzxid: Buffer
  readonly ephemeralOwner: Buffer
  readonly version: number
  readonly cversion: number
}

/** Values of ConnectionManager.state. */
export const LIBRARY_STATE = {
  CONNECTING: 1,
  CONNECTED: 2,
  CLOSING: -1,
  CLOSED: -2,
} as const

export function assertKnownLibrary(version: string): void {
  assertKnownVersion('node-zookeeper-client', version, KNOWN_VERSION)
}

const load = createRequire(import.meta.url)

assertKnownLibrary((load('node-zookeeper-client/package.json') as { version: string }).version)
