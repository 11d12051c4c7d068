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

  it('lets the lone lane start while no other may, and not when it is not alone', () => {
    const memory = new GroupMemory()
    const worker = new GroupMemory(memory.buffer)
    memory.renewLease({ monoMs: 100, wallMs: 100 })
    const { generation } = memory
    assert.deepEqual([worker.mayStart(generation), worker.mayStart(generation, true)], [true, false])
    memory.setOneAlone(true)
    assert.deepEqual([worker.mayStart(generation), worker.mayStart(generation, true)], [false, true])
    assert.equal(worker.isOneAlone, true)
    assert.equal(worker.mustNotStart, false)
    memory.setOneAlone(false)
    assert.deepEqual([worker.mayStart(generation), worker.mayStart(generation, true)], [true, false])
  })

  it('keeps who is alone, the lease, the stop and the generation apart, whatever the order', () => {
    type Step = 'alone' | 'together' | 'renew' | 'end' | 'void' | 'stop'
    const steps = fc.constantFrom<Step>('alone', 'together', 'renew', 'end', 'void', 'stop')
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 30 }), taken => {
        const memory = new GroupMemory()
        const worker = new GroupMemory(memory.buffer)
        memory.renewLease({ monoMs: 1, wallMs: 1 })
        let [isAlone, isOver, stops, generation] = [false, false, false, 0]
        for (const step of taken) {
          if (step === 'alone') memory.setOneAlone((isAlone = true))
          if (step === 'together') memory.setOneAlone((isAlone = false))
          if (step === 'stop') memory.requestStop()
          if (step === 'renew') memory.renewLease({ monoMs: 1, wallMs: 1 })
          if (step === 'end') memory.endLease()
          if (step === 'void') memory.voidClaims()
          stops ||= step === 'stop'
          isOver = step === 'end' || step === 'void' || (isOver && step !== 'renew')
          generation += step === 'void' ? 1 : 0
          const held = isOver || stops
          assert.equal(worker.generation, generation)
          assert.equal(worker.mustNotStart, held)
          for (const asked of [generation - 1, generation])
            for (const alone of [false, true]) {
              const expected = !held && alone === isAlone && asked === generation
              assert.equal(worker.mayStart(asked, alone), expected)
            }
        }
      }),
    )
  })
})
