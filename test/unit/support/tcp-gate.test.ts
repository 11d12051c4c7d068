import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { atEnd } from '../../support/cleanup.ts'
import { eventually } from '../../support/eventually.ts'
import { TcpGate } from '../../support/tcp-gate.ts'

interface Through {
  readonly gate: TcpGate
  readonly socket: Socket
  /** What came back of what was sent. */
  readonly echoed: () => string
}

/** A connection through a gate to a server that answers what it is told. */
async function throughGate(t: TestContext): Promise<Through> {
  const server = createServer(socket => socket.pipe(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  atEnd(t, () => server.close())
  const gate = await TcpGate.open(t, `127.0.0.1:${(server.address() as { port: number }).port}`)
  const socket = connect(Number(gate.address.split(':')[1]), '127.0.0.1')
  atEnd(t, () => socket.destroy())
  socket.on('error', () => {}) // safe: cuts are what is tested
  let text = ''
  socket.on('data', bytes => (text += bytes.toString()))
  return { gate, socket, echoed: () => text }
}

describe('a gate', () => {
  it('that is slow passes everything later, both ways, in order, also what follows when it is quick again', async t => {
    const { gate, socket, echoed } = await throughGate(t)
    socket.write('a')
    await eventually(() => echoed() === 'a')
    gate.slow(100)
    const startMs = performance.now()
    socket.write('b')
    await eventually(() => gate.delayed === 1)
    gate.slow(0)
    socket.write('c')
    await eventually(() => echoed() === 'abc')
    assert.ok(performance.now() - startMs >= 95, 'b was kept back on its way there')
  })

  it('knows how many connections go through it', async t => {
    const { gate, socket, echoed } = await throughGate(t)
    socket.write('a')
    await eventually(() => echoed() === 'a')
    assert.equal(gate.connections, 1)
    gate.shut()
    await eventually(() => gate.connections === 0 && socket.destroyed)
  })
})
