import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { deferred } from '#src/shared/deferred.js'
import { PatientTimer, startPatientTimeout } from '#src/shared/patient-timer.js'
import { atEnd } from '../../support/cleanup.ts'
import { failOnLeaks } from '../../support/leaks.ts'

failOnLeaks()

const DELAY_MS = 60

/** Both ends of a connection. */
async function socketPair(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [peer] = (await accepted) as [Socket]
  atEnd(t, async () => {
    client.destroy()
    peer.destroy()
    server.close()
    await once(server, 'close')
  })
  return [client, peer]
}

describe('a patient timer', () => {
  it('acts after sockets were read, although a blocked loop made it due before', async t => {
    const [client, peer] = await socketPair(t)
    const seen: string[] = []
    const acted = deferred<undefined>()
    client.on('data', () => seen.push('answer'))
    const timer = new PatientTimer(() => {
      seen.push('deadline')
      acted.resolve(undefined)
    })
    timer.arm(DELAY_MS)
    peer.write('x')
    block(2 * DELAY_MS)
    await acted.promise
    assert.deepEqual(seen, ['answer', 'deadline'])
  })

  it('acts once for the last arming, and not at all when cleared, also by what runs just before it', async () => {
    const acted = deferred<undefined>()
    let times = 0
    const timer = new PatientTimer(() => {
      times += 1
      acted.resolve(undefined)
    })
    assert.equal(timer.isArmed, false)
    timer.arm(1)
    timer.arm(DELAY_MS)
    assert.equal(timer.isArmed, true)
    await acted.promise
    assert.equal(timer.isArmed, false)
    timer.arm(1)
    const next = new Promise(resolve => setTimeout(resolve, 1))
    block(5) // both are due, one after the other in the same turn
    await next
    timer.clear()
    assert.equal(timer.isArmed, false)
    await new Promise(resolve => setTimeout(resolve, DELAY_MS))
    assert.equal(times, 1)
  })

  it('counts a blocked stretch as one slice of the time at most', async () => {
    const acted = deferred<undefined>()
    startPatientTimeout(DELAY_MS, () => acted.resolve(undefined))
    block(2 * DELAY_MS)
    const freeAtMs = performance.now()
    await acted.promise
    const waitedMs = performance.now() - freeAtMs
    assert.ok(waitedMs > 0.7 * DELAY_MS, `${waitedMs} ms`)
  })

  it('can be cancelled', async () => {
    let acted = false
    const cancel = startPatientTimeout(1, () => (acted = true))
    cancel()
    await new Promise(resolve => setTimeout(resolve, DELAY_MS))
    assert.equal(acted, false)
  })
})

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
