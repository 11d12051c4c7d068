import { createServer } from 'node:net'
import getPort, { portNumbers } from 'get-port'
import { stackError } from './stack-error.ts'

/** The servers listen here and nowhere else. */
export const HOST = '127.0.0.1'

/**
 * Free ports come from below the range that systems give to outgoing connections: there, a client that keeps
 * trying to reach a stopped server could be given the server's own port, and connect to itself.
 */
const FIRST_PORT = 15_000
const LAST_PORT = 32_000

export async function freePort(): Promise<number> {
  const start = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT - 1))
  return getPort({ host: HOST, port: portNumbers(start, LAST_PORT) })
}

/** The port that was asked for, or a free one. STACK_FAILED when somebody listens there. */
export async function claimPort(wanted: number | undefined, forWhom: string): Promise<number> {
  if (wanted === undefined) return freePort()
  if (!(await isFree(wanted))) throw portTaken(wanted, forWhom)
  return wanted
}

export function portTaken(port: number, forWhom: string): Error {
  return stackError(`port ${port} for ${forWhom} is taken: stop what listens there or choose another port`, {
    port,
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(stackError(`port ${port} cannot be used: ${error.message}`, { port }, error))
    })
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}
