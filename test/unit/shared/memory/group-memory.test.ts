import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GroupMemory } from '#src/shared/memory/group-memory.js'

describe('group memory', () => {
  it('holds a lease only while both clocks are below it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e12 }),
        fc.integer({ min: 1, max: 1e12 }),
        fc.integer({ min: 1, max: 1e6 }),
        (monoMs, wallMs, passed) => {
          const memory = new GroupMemory()
          const worker = new GroupMemory(memory.buffer)
          memory.renewLease({ monoMs, wallMs })
          assert.equal(worker.leaseHolds(monoMs - 1, wallMs - 1), true)
          assert.equal(worker.leaseHolds(monoMs + passed, wallMs - 1), false)
          assert.equal(worker.leaseHolds(monoMs - 1, wallMs + passed), false)
        },
      ),
    )
  })

  it('is over before the first renewal and after it was ended', () => {
    const memory = new GroupMemory()
    assert.equal(memory.leaseHolds(1, 1), false)
    memory.renewLease({ monoMs: 100, wallMs: 100 })
    assert.equal(memory.mustNotStart, false)
    memory.endLease()
    assert.equal(memory.leaseHolds(1, 1), false)
    assert.equal(memory.mustNotStart, true)
  })

  it('keeps the stop word through a renewed lease', () => {
    const memory = new GroupMemory()
    memory.requestStop()
    memory.renewLease({ monoMs: 100, wallMs: 100 })
    assert.equal(memory.stopRequested, true)
    assert.equal(memory.mustNotStart, true)
  })

  it('lets a record start only under a lease, while nobody stops', () => {
    const memory = new GroupMemory()
    const worker = new GroupMemory(memory.buffer)
    memory.renewLease({ monoMs: 100, wallMs: 100 })
    assert.equal(worker.mayStart(memory.generation), true)
    memory.endLease()
    assert.equal(worker.mayStart(memory.generation), false)
    memory.renewLease({ monoMs: 100, wallMs: 100 })
    memory.requestStop()
    assert.equal(worker.mayStart(memory.generation), false)
  })

  it('starts nothing of a void claim, although a new session has a lease', () => {
    const memory = new GroupMemory()
    const worker = new GroupMemory(memory.buffer)
    memory.renewLease({ monoMs: 100, wallMs: 100 })
    const old = memory.generation
    memory.endLease()
    memory.voidClaims()
    memory.renewLease({ monoMs: 200, wallMs: 200 })
    assert.equal(worker.mayStart(old), false)
    assert.equal(worker.isVoid(old), true)
    assert.equal(worker.mayStart(memory.generation), true)
    assert.equal(worker.mustNotStart, false)
  })
})
