import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertAllHandled, errorAttempts, runDeadly } from '../support/deadly-group.ts'
import { eventually } from '../support/eventually.ts'
import { failOnLeaks } from '../support/leaks.ts'

failOnLeaks()

const TIMEOUT_MS = 400
const NATIVE_SECONDS = 4

describe('a handler past its deadline', () => {
  it('is cut with its thread when it blocks it; the record is run again, the others go on without a repeat', async t => {
    const deaths = await runDeadly(t, { '0/4': 'block:2' }, { handlerTimeoutMs: TIMEOUT_MS })
    await assertAllHandled(deaths, { '0/4': 3 })
    assert.deepEqual(deaths.failures, ['0/4 1 HANDLER_TIMEOUT', '0/4 2 HANDLER_TIMEOUT'])
    assert.deepEqual(errorAttempts(deaths), [
      ['HANDLER_TIMEOUT', 0, 4, 1],
      ['HANDLER_TIMEOUT', 0, 4, 2],
    ])
    assert.deepEqual([deaths.died.length, deaths.replaced.length], [0, 2])
  })

  it('is cut when it blocks its thread behind an await', async t => {
    const deaths = await runDeadly(t, { '0/4': 'block-later:1:20' }, { handlerTimeoutMs: TIMEOUT_MS })
    await assertAllHandled(deaths, { '0/4': 2 })
    assert.deepEqual(deaths.failures, ['0/4 1 HANDLER_TIMEOUT'])
  })

  it('is cut when it ignores its signal, and the other lanes of its thread leave before', async t => {
    const deaths = await runDeadly(
      t,
      { '0/4': 'ignore:1', '1/19': 'wait:1:50' },
      { handlerTimeoutMs: TIMEOUT_MS, threads: 1 },
    )
    await assertAllHandled(deaths, { '0/4': 2 })
    assert.deepEqual(deaths.failures, ['0/4 1 HANDLER_TIMEOUT'])
  })

  it('cannot be cut inside a native call: that is said once, its lanes wait, and then the record is run again', async t => {
    const deaths = await runDeadly(
      t,
      { '0/4': `native:1:${NATIVE_SECONDS}` },
      { handlerTimeoutMs: TIMEOUT_MS },
    )
    await eventually(() => deaths.errors.length === 1)
    assert.match(deaths.errors[0]!.message, /cannot be ended before the native call/)
    await assertAllHandled(deaths, { '0/4': 2 })
    assert.deepEqual(
      deaths.errors.map(({ code, details }) => [code, details['partition'], details['offset']]),
      [
        ['HANDLER_TIMEOUT', 0, 4],
        ['HANDLER_TIMEOUT', 0, 4],
      ],
    )
  })

  it('does not hold up a stop', async t => {
    const { group, handler, errors } = await runDeadly(
      t,
      { '0/0': 'block:9' },
      { handlerTimeoutMs: TIMEOUT_MS },
    )
    await eventually(() => handler.starts()['0/0'] === 1)
    const startedAtMs = performance.now()
    await group.stop({ timeoutMs: 20_000 })
    assert.ok(performance.now() - startedAtMs < 10_000, 'it waited for the deadline of the stop')
    assert.ok(errors.every(error => error.code === 'HANDLER_TIMEOUT'))
  })
})
