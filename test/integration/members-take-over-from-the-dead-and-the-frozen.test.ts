import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger, countByRecord, firstDisorder } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import type { Group } from '#src/index.js'

const PARTITIONS = 6
const SESSION_MS = 2000
const PER_PARTITION = 20

interface Pair {
  readonly survivor: Group
  readonly victim: MemberProcess
  readonly ledger: Ledger
  readonly produceSome: () => Promise<void>
}

/** One member in this process and one in another, each with half of the partitions. */
async function startPair(t: TestContext): Promise<Pair> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const ledger = new Ledger(t)
  const options = {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: SESSION_MS },
    threads: 1,
    offsetReset: 'earliest' as const,
  }
  const handler = ledger.handler({ burnMs: 1 })
  const survivor = await runMember(t, handler, options)
  const victim = new MemberProcess(t, handler, options)
  await eventually(() => running(survivor).length === PARTITIONS / 2, {
    message: () => `${running(survivor).length} ${victim.errors}`,
  })
  await victim.event('joined') // the others know of it before; while it joins it has no session to lose
  const messages = Array.from({ length: PARTITIONS * PER_PARTITION }, (_, n) => ({
    partition: n % PARTITIONS,
    value: 'v',
  }))
  return { survivor, victim, ledger, produceSome: () => produce(topic, messages) }
}

/** Each record that was produced `rounds` times over was handled, in order within each claim. */
async function allHandled(ledger: Ledger, rounds: number): Promise<void> {
  const records = PARTITIONS * PER_PARTITION * rounds
  await eventually(() => countByRecord(ledger.read()).size === records, {
    message: () => `${countByRecord(ledger.read()).size} of ${records}`,
  })
  assert.equal(firstDisorder(ledger.read()), null)
}

describe('members take over', () => {
  it('from one that was killed, once its session has ended, and lose nothing', async t => {
    const { survivor, victim, ledger, produceSome } = await startPair(t)
    await produceSome()
    victim.signal('SIGKILL')
    await produceSome()
    await eventually(() => running(survivor).length === PARTITIONS, { deadlineMs: 4 * SESSION_MS })
    await allHandled(ledger, 2)
  })

  it('from one that is frozen for three sessions, which takes part again when it goes on, and lose nothing', async t => {
    const { survivor, victim, ledger, produceSome } = await startPair(t)
    await produceSome()
    victim.signal('SIGSTOP')
    await produceSome()
    await eventually(() => running(survivor).length === PARTITIONS, { deadlineMs: 4 * SESSION_MS })
    await eventually(() => countByRecord(ledger.read()).size === 2 * PARTITIONS * PER_PARTITION)
    victim.signal('SIGCONT')
    await victim.event('session:lost')
    await eventually(() => running(survivor).length === PARTITIONS / 2, { deadlineMs: 4 * SESSION_MS })
    await produceSome()
    await allHandled(ledger, 3)
  })
})
