import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupEvents } from '#src/events.js'
import { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { HOSTILE } from '../support/hostile.ts'
import { loggerInMemory } from '../support/logger-in-memory.ts'

describe('group events', () => {
  it('reach their listeners until they are taken off', () => {
    const events = new GroupEvents(10, silentLogger)
    const seen: boolean[] = []
    const listener = (payload: { sameClaims: boolean }): void => void seen.push(payload.sameClaims)
    events.on('session:restored', listener)
    events.emit('session:restored', { sameClaims: true })
    events.off('session:restored', listener)
    events.emit('session:restored', { sameClaims: false })
    assert.deepEqual(seen, [true])
  })

  it('are not stopped by a listener that throws', () => {
    const events = new GroupEvents(10, silentLogger)
    let reached = false
    events.on('session:lost', () => {
      throw new Error('mine')
    })
    events.on('session:lost', () => {
      reached = true
    })
    events.emit('session:lost', { reason: 'test' })
    assert.equal(reached, true)
  })

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`are not stopped by a listener that throws ${name}, which is logged`, () => {
      const { logger, lines } = loggerInMemory()
      const events = new GroupEvents(10, logger)
      events.on('session:lost', () => {
        throw make()
      })
      events.emit('session:lost', { reason: 'test' })
      assert.equal(lines.length, 1)
      assert.notEqual(lines[0]?.err.message, '')
    })
  }

  it('keep the newest errors for the first listener, up to the buffer size', () => {
    const events = new GroupEvents(2, silentLogger)
    for (const code of ['CLAIM_LOST', 'CLAIM_REFUSED', 'LEASE_OVER'] as const)
      events.emit('error', new GroupError(code, code))
    const seen: string[] = []
    events.on('error', error => seen.push(error.code))
    assert.deepEqual(seen, ['CLAIM_REFUSED', 'LEASE_OVER'])
  })
})
