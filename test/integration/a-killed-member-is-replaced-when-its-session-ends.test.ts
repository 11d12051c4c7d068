// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunGroupOptions } from '#src/index.js'
import { assertBounds, unlessBelow, type Measurement } from '../support/bounds.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { sharedStack } from '../support/stack.ts'
import { SteadyLoad } from '../support/steady-load.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 12
const ROUNDS = 3
const SESSION_MS = 2000
const TAKE_OVER_MS = 250
const RESTART_MS = 500
const VICTIM = 'victim'
/** The end of a session is told to this process and to members in any order; a session lasts far longer than that takes. */
const WATCH_MS = 250

interface Rig {
  readonly ledger: Ledger
  readonly start: (memberId: string) => MemberProcess
  /** Resolves with the moment at which this process hears that ZooKeeper ended the victim's session. */
  readonly sessionEnded: () => Promise<number>
}

async function createRig(t: Measurement): Promise<Rig> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const ledger = new Ledger(t)
  const options: RunGroupOptions & { groupId: string } = {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: SESSION_MS },
    threads: 1,
    offsetReset: 'earliest',
  }
  const zookeeper = await openZooKeeper(t)
  await SteadyLoad.start(t, topic, { partitions: PARTITIONS, recordsPerSecond: 20 })
  return {
    ledger,
    start: memberId => new MemberProcess(t, ledger.handler({ sleepMs: 2 }), { ...options, memberId }),
    sessionEnded: () => zookeeper.happensTo(`/consumers/${options.groupId}/ids/${VICTIM}`, 'deleted'),
  }
}

/** When it made each of its claims. */
function claimTimes({ events }: MemberProcess): number[] {
  return events.filter(({ event }) => event === 'partition:claimed').map(({ atMs }) => atMs)
}

describe('a member that is killed', () => {
  it('has its claims taken over within 250 ms of the end of its session', t =>
    assertBounds(t, async of => {
      const misses: string[] = []
      const { start, sessionEnded } = await createRig(of)
      const survivors = [start('survivor-1'), start('survivor-2')]
      for (let round = 0; round < ROUNDS; round += 1) {
        const victim = start(VICTIM)
        await eventually(() => [...survivors, victim].every(member => member.claimed.size === PARTITIONS / 3))
        const before = survivors.map(survivor => claimTimes(survivor).length)
        const ended = sessionEnded()
        victim.signal('SIGKILL')
        const endedMs = await ended
        const takenOver = (): number[] =>
          survivors.flatMap((survivor, index) => claimTimes(survivor).slice(before[index]))
        await eventually(() => takenOver().length === PARTITIONS / 3)
        const tookMs = Math.max(...takenOver()) - endedMs
        of.diagnostic(
          `round ${round + 1}: ${PARTITIONS / 3} partitions taken over ${tookMs} ms after the end of the session`,
        )
        assert.ok(tookMs > -WATCH_MS)
        misses.push(...unlessBelow('taken over after', tookMs, TAKE_OVER_MS))
      }
      return misses
    }))

  it('and started again under its memberId waits for the end of the dead session, and handles its first record within 500 ms of it', t =>
    assertBounds(t, async of => {
      const misses: string[] = []
      const { start, sessionEnded, ledger } = await createRig(of)
      let victim = start(VICTIM)
      for (let round = 0; round < ROUNDS; round += 1) {
        await eventually(() => claimTimes(victim).length === PARTITIONS && ledger.count > 0)
        const ended = sessionEnded()
        victim.signal('SIGKILL')
        await victim.exit()
        const killedMs = Date.now()
        victim = start(VICTIM)
        const endedMs = await ended
        const first = await eventually(() => ledger.read().find(({ startMs }) => startMs > killedMs))
        const tookMs = first.startMs - endedMs
        of.diagnostic(`round ${round + 1}: first record ${tookMs.toFixed(0)} ms after the end of the session`)
        assert.ok(tookMs > -WATCH_MS)
        misses.push(...unlessBelow('first record after', tookMs, RESTART_MS))
      }
      return misses
    }))
})
