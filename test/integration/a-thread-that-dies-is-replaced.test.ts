import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertAllHandled, runDeadly } from '../support/deadly-group.ts'
import { failOnLeaks } from '../support/leaks.ts'

failOnLeaks()

describe('a thread that dies', () => {
  for (const [what, how] of [
    ['exit', 'a handler exits'],
    ['throw', 'a timer of a handler throws'],
    ['reject', 'a handler leaves a rejection unhandled'],
  ] as const) {
    it(`is replaced when ${how}: its record is run again, the others go on without a repeat`, async t => {
      const deaths = await runDeadly(t, { '1/5': `${what}:2` })
      await assertAllHandled(deaths, { '1/5': 3 })
      assert.deepEqual(deaths.failures, ['1/5 1 HANDLER_KILLED_THREAD', '1/5 2 HANDLER_KILLED_THREAD'])
      assert.deepEqual([deaths.died.length, deaths.replaced.length], [2, 2])
      assert.deepEqual(
        deaths.errors.map(({ code, details }) => [
          code,
          details['partition'],
          details['offset'],
          details['attempt'],
        ]),
        [
          ['WORKER_DIED', 1, 5, 1],
          ['WORKER_DIED', 1, 5, 2],
        ],
      )
    })
  }

  it('is replaced when its memory is used up', async t => {
    const deaths = await runDeadly(t, { '2/3': 'memory:1' }, { threadMemoryMb: 32 })
    await assertAllHandled(deaths, { '2/3': 2 })
    assert.deepEqual(deaths.failures, ['2/3 1 HANDLER_KILLED_THREAD'])
  })

  it('is replaced together with another that dies at the same time, and its replacement with it', async t => {
    const says = Object.fromEntries(
      [0, 1, 2, 3].flatMap(partition => [
        [`${partition}/0`, 'exit:2'],
        [`${partition}/1`, 'exit:1'],
      ]),
    )
    const deaths = await runDeadly(t, says)
    const starts = Object.fromEntries(
      Object.entries(says).map(([name, said]) => [name, said === 'exit:2' ? 3 : 2]),
    )
    await assertAllHandled(deaths, starts)
    assert.equal(deaths.failures.length, 12)
    assert.equal(deaths.died.length, 12)
  })
})
