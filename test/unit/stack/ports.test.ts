import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { isGroupError } from '#src/shared/errors.js'
import { claimPort, freePort, HOST } from '#src/stack/ports.js'

/** Below the ports that Linux and macOS give to outgoing connections. */
const FIRST_EPHEMERAL_PORT = 32_768

describe('ports of a stack', () => {
  it('free ones are below those of outgoing connections, and differ', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, freePort))
    assert.ok(ports.every(port => port > 1024 && port < FIRST_EPHEMERAL_PORT))
    assert.equal(new Set(ports).size, ports.length)
  })

  it('wanted ones are given when nobody listens there, and refused by name otherwise', async () => {
    const wanted = await freePort()
    assert.equal(await claimPort(wanted, 'broker 0'), wanted)
    const server = createServer().listen(wanted, HOST)
    await once(server, 'listening')
    await assert.rejects(claimPort(wanted, 'broker 0'), error => {
      assert.ok(isGroupError(error, 'STACK_FAILED'))
      assert.equal(error.details.port, wanted)
      return error.message.startsWith(`port ${wanted} for broker 0 is taken`)
    })
    server.close()
    await once(server, 'close')
  })
})
