import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { atEnd } from '../../support/cleanup.ts'
import { assertBounds, unlessBelow } from '../../support/bounds.ts'

describe('a bound of time', () => {
  it('is measured again when it was missed, with what belonged to the measurement ended before', async t => {
    const log: string[] = []
    await assertBounds(t, async of => {
      log.push('measured')
      atEnd(of, () => log.push('ended'))
      return log.length === 1 ? ['too slow'] : []
    })
    assert.deepEqual(log, ['measured', 'ended', 'measured', 'ended'])
  })

  it('counts as missed when every measurement misses it, and tells of all', async t => {
    const missing = assertBounds(t, async () => unlessBelow('gap', 7, 5))
    await assert.rejects(missing, /measurement 1: gap: 7.0, to be below 5\n.*2.*\n.*3.*/)
  })

  it('excuses nothing else', async t => {
    let measured = 0
    const lost = assertBounds(t, async () => {
      measured += 1
      throw new Error('a record was lost')
    })
    await assert.rejects(lost, /a record was lost/)
    assert.equal(measured, 1)
  })
})
