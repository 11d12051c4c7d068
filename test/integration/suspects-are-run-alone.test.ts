import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertAllHandled, runDeadly } from '../support/deadly-group.ts'
import { failOnLeaks } from '../support/leaks.ts'

failOnLeaks()

const NOBODY_KNOWS = /one of these did it, .*\/[01] at offset 5, .*\/[01] at offset 5$/

describe('when a thread dies with two records in hand', () => {
  it('both are run again alone, and only the one that did it has a failed attempt', async t => {
    const deaths = await runDeadly(
      t,
      { '0/5': 'exit-later:3:300', '1/5': 'wait:3:400' },
      { threads: 1, retry: { attempts: 5, backoffMs: 10, maxBackoffMs: 10 } },
    )
    await assertAllHandled(deaths, { '0/5': 4, '1/5': 2 })
    assert.equal(deaths.failures.length, 2)
    assert.ok(
      deaths.failures.every(failure => failure.startsWith('0/5 ')),
      deaths.failures.join(),
    )
    assert.match(deaths.errors[0]!.message, NOBODY_KNOWS)
  })
})
