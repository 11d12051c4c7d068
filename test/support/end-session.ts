import zookeeper from 'node-zookeeper-client'

interface Manager {
  sessionId: Buffer
  sessionPassword: Buffer
}

/** What ZooKeeper derives the passwords of sessions from (`superSecret` in its ZooKeeperServer). */
const SECRET = 0xb3415c00n
const PASSWORD_BYTES = 16

/** Ends a session on the server, as if it had run out: a second connection takes it over and closes it. */
export async function endSession(address: string, sessionId: bigint): Promise<void> {
  const client = zookeeper.createClient(address, { sessionTimeout: 10_000, retries: 0 })
  const manager = (client as unknown as { connectionManager: Manager }).connectionManager
  manager.sessionId.writeBigInt64BE(sessionId)
  javaRandomBytes(sessionId ^ SECRET, PASSWORD_BYTES).copy(manager.sessionPassword)
  await new Promise<void>((resolve, reject) => {
    client.once('expired', () => reject(new Error(`the session ${sessionId} is over already`)))
    client.once('connected', () => resolve())
    client.connect()
  })
  await new Promise<void>(resolve => {
    client.once('disconnected', () => resolve())
    client.close()
  })
}

const MULTIPLIER = 0x5deece66dn
const MASK = (1n << 48n) - 1n

/** `java.util.Random(seed).nextBytes`. */
function javaRandomBytes(seed: bigint, count: number): Buffer {
  const bytes = Buffer.alloc(count)
  let state = (seed ^ MULTIPLIER) & MASK
  for (let at = 0; at < count; at += 4) {
    state = (state * MULTIPLIER + 0xbn) & MASK
    bytes.writeInt32LE(Number(BigInt.asIntN(32, state >> 16n)), at)
  }
  return bytes
}
