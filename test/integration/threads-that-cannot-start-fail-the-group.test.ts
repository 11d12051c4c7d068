import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group, GroupError } from '#src/index.js'
import { DeadlyHandler } from '../support/deadly-handler.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { readOwners } from '../support/owners.ts'
import { errorsOf, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { within } from '../support/within.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const FAILS_WITHIN_MS = 30_000

/** A member whose only thread dies at the second record, after which no other can be set up. */
async function runUntilBroken(
  t: TestContext,
  inSetup: string,
  ends = 'exit:1',
): Promise<{ group: Group; handler: DeadlyHandler; errors: readonly GroupError[] }> {
  const topic = await createTopic(t)
  const handler = new DeadlyHandler(t, { inSetup })
  const zookeeper = sharedStack().zookeeper
  const group = await runMember(t, handler.url, {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper,
    threads: 1,
  })
  const errors = errorsOf(group)
  handler.breakSetup()
  await produce(topic, [{ value: 'nothing' }, { value: ends }])
  return { group, handler, errors }
}

const setups = (handler: DeadlyHandler): number => handler.read().filter(one => one.what === 'setup').length

describe('when no thread can be put in the place of one that died', () => {
  it('the group fails with what its setup threw, after a few tries', async t => {
    const { group, handler, errors } = await runUntilBroken(t, 'throw-error')
    await rejection(within(FAILS_WITHIN_MS, 'the group fails', group.finished), 'HANDLER_SETUP_FAILED')
    assert.equal(setups(handler), 3)
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['WORKER_DIED', 'HANDLER_SETUP_FAILED', 'HANDLER_SETUP_FAILED', 'HANDLER_SETUP_FAILED'],
    )
  })

  it('the group fails when the setup exits', async t => {
    const { group, handler } = await runUntilBroken(t, 'exit')
    const error = await rejection(within(FAILS_WITHIN_MS, 'the group fails', group.finished), 'WORKER_DIED')
    assert.match(error.message, /before the handler module was loaded and set up/)
    assert.equal(setups(handler), 3)
  })

  it('the group fails when each dies soon after a setup that left something behind', async t => {
    // Its record is finished when the first one dies, so none after it has anything to show: that would begin a new row.
    const { group, handler, errors } = await runUntilBroken(t, 'throw-soon', 'throw-soon:1')
    await rejection(within(FAILS_WITHIN_MS, 'the group fails', group.finished), 'WORKER_DIED')
    await eventually(() => group.state === 'failed')
    assert.ok(setups(handler) >= 4 && setups(handler) <= 7, `${setups(handler)} setups`)
    assert.match(errors.at(-1)!.message, /thrown by a timer.*in a row without finishing a record/)
  })

  it('the group fails when each dies in `claimed`, and gives its partitions back', async t => {
    const topic = await createTopic(t)
    await produce(topic, [{ value: 'nothing' }])
    const handler = new DeadlyHandler(t, { inHook: 'claimed:exit:0:1:99' })
    const groupId = uniqueGroup()
    const zookeeper = sharedStack().zookeeper
    const joined = runMember(t, handler.url, { groupId, topics: [topic], zookeeper, threads: 1 })
    const failed = joined.then(group => group.finished)
    const error = await rejection(within(FAILS_WITHIN_MS, 'the group fails', failed), 'WORKER_DIED')
    assert.match(error.message, /in a row without finishing a record/)
    const deaths = handler.read().filter(one => one.what === 'claimed').length
    assert.equal(deaths, 5)
    assert.equal(handler.starts()['0/0'], undefined)
    const view = await openZooKeeper(t)
    await eventually(async () => (await readOwners(view, groupId, topic, 1))[0] === null)
    assert.deepEqual(await readOffsets(groupId, topic), [0])
  })
})
