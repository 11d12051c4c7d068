import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { buildGoOriginal, startGoOriginal } from '../support/go-original.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { allHandled, burst } from '../support/mixed-group.ts'
import { eventuallyOwned, eventuallyOwnedBy } from '../support/owners.ts'
import { errorsOf, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 8
const PER_BURST = 5
/** Of members that are killed. */
const SESSION_MS = 2_000
/** A member of the original tries a claim that it did not get again after as long. */
const ORIGINAL_RETRY_MS = 3_000
/** Beyond the grace of a drain, and below what makes a member of the original end itself. */
const SLOW_MS = 20_000

/** The program, or null where it cannot be had, and then the test is skipped. */
async function programOrSkip(t: TestContext): Promise<string | null> {
  const original = await buildGoOriginal()
  if ('program' in original) return original.program
  t.skip(original.missing)
  return null
}

describe('beside members of the Go original', () => {
  it('members divide partitions by modulo through joins, leaves and kills; nothing is lost', async t => {
    const program = await programOrSkip(t)
    if (program === null) return
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const view = await openZooKeeper(t)
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const options = (memberId: string, sessionTimeoutMs = 2 * SESSION_MS) => ({
      groupId,
      memberId,
      topics: [topic],
      threads: 1,
      commit: { intervalMs: 200 },
      offsetReset: 'earliest' as const,
      zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs },
    })
    const member = (memberId: string): Promise<Group> => runMember(t, ledger.handler(), options(memberId))
    const owned = (letters: string): Promise<void> => eventuallyOwnedBy(view, { groupId, topic, letters })
    const produceSome = (): Promise<void> => burst(topic, PARTITIONS, PER_BURST)

    const first = await member('a')
    const errors = errorsOf(first)
    await produceSome()
    await owned('aaaaaaaa')
    const go = startGoOriginal(t, program, { groupId, topic, memberId: 'go', sessionMs: SESSION_MS })
    await eventuallyOwned(view, groupId, topic, ['a-0', 'go', 'a-0', 'go', 'a-0', 'go', 'a-0', 'go'])
    await produceSome()
    await allHandled(topic, ledger, [go])

    const second = new MemberProcess(t, ledger.handler(), options('b', SESSION_MS))
    await owned('abgabgab')
    await produceSome()
    second.signal('SIGKILL')
    await owned('agagagag')
    await produceSome()
    await allHandled(topic, ledger, [go])

    const stopped = performance.now()
    await first.stop()
    await owned('gggggggg')
    const takenOverMs = performance.now() - stopped
    t.diagnostic(`the original owns all ${Math.round(takenOverMs)} ms after a member of ours began to stop`)
    assert.ok(takenOverMs < ORIGINAL_RETRY_MS, 'owners go before the id: the original need not try twice')

    const errorsLater = errorsOf(await member('c'))
    await owned('cgcgcgcg')
    await produceSome()
    go.signal('SIGKILL')
    await owned('cccccccc')
    await produceSome()
    await allHandled(topic, ledger, [go])
    await eventually(async () => {
      const [committed, ends] = [await readOffsets(groupId, topic), await endOffsets(topic)]
      return committed.join() === ends.join()
    })
    assert.deepEqual([...errors, ...errorsLater], [])
  })

  it('a handler that outlasts the grace of a drain makes the original wait, and not end itself', async t => {
    const program = await programOrSkip(t)
    if (program === null) return
    const topic = await createTopic(t, { partitions: 2 })
    const view = await openZooKeeper(t)
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    await runMember(t, ledger.handler({ sleepKey: 'slow', sleepMs: SLOW_MS }), {
      groupId,
      memberId: 'a',
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
    })
    await produce(topic, [{ partition: 1, key: 'slow', value: 'v' }])
    await eventually(() => ledger.count === 1)
    const go = startGoOriginal(t, program, { groupId, topic, memberId: 'go', sessionMs: 2 * SESSION_MS })
    await burst(topic, 2, PER_BURST)
    await eventuallyOwned(view, groupId, topic, ['a-0', 'go'], 2 * SLOW_MS)
    await allHandled(topic, ledger, [go])
    assert.equal(go.hasExited, false)
    assert.ok(go.records.length >= PER_BURST)
  })
})
