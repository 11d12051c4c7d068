// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { firstDisorder, firstOverlap, Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { SHIFT_SEEN_MS, ShiftedClock } from '../support/shifted-clock.ts'
import { sharedStack } from '../support/stack.ts'

failOnLeaks()

const HOUR_MS = 3_600_000
const PARTITIONS = 2
const RECORDS = 15_000
const BURN_MS = 0.5
/** What a thread may start after a thaw: the record it was about to start, and what 100 µs of work are. */
const MAY_START = 2
const TOLERANCE_MS = 2

interface Rig {
  readonly clock: ShiftedClock
  readonly member: MemberProcess
  readonly ledger: Ledger
}

/** A member at work whose wall clock can be set. */
async function busyMember(t: TestContext, sessionTimeoutMs: number): Promise<Rig> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  await produceKeyed(topic, RECORDS)
  const ledger = new Ledger(t)
  const clock = new ShiftedClock(t)
  const options = {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs },
    threads: 1,
    offsetReset: 'earliest' as const,
    commit: { intervalMs: 100 },
  }
  const handler = ledger.handler({ burnMs: BURN_MS })
  const member = new MemberProcess(t, handler, options, { preload: clock.preload })
  await member.event('joined')
  await eventually(() => ledger.count > 100)
  return { clock, member, ledger }
}

/** Sets the clock, and resolves when the member has shown the new time. */
async function setClock({ clock, member }: Rig, shiftMs: number): Promise<number> {
  const known = member.events.length
  const atMs = Date.now()
  clock.shiftBy(shiftMs)
  await eventually(
    () => member.events.slice(known).some(one => Math.abs(one.atMs - Date.now() - shiftMs) < HOUR_MS / 2),
    {
      message: 'the member sees the new time',
    },
  )
  return atMs
}

/** Resolves when handlers have started at and after that time; with the longest time without any start since `fromMs`. */
async function longestGapMs(ledger: Ledger, fromMs: number, untilMs: number): Promise<number> {
  await eventually(() => ledger.read().some(({ startMs }) => startMs >= untilMs), {
    message: 'handlers go on',
  })
  const starts = ledger
    .read()
    .flatMap(({ startMs }) => (startMs >= fromMs && startMs <= untilMs ? startMs : []))
  const times = [fromMs, ...starts.sort((a, b) => a - b), untilMs]
  return Math.max(...times.slice(1).map((time, index) => time - times[index]!))
}

async function stop({ member, ledger }: Rig): Promise<void> {
  member.signal('SIGTERM')
  assert.equal(await member.exit(), 0, member.errors)
  assert.equal(firstDisorder(ledger.read()), null)
  assert.equal(firstOverlap(ledger.read()), null)
}

describe('a wall clock', () => {
  it('that is set back or forward by an hour suspends handlers until the next heartbeat at most, and costs no claim', async t => {
    const sessionMs = 1500
    const rig = await busyMember(t, sessionMs)
    const { member, ledger } = rig
    for (const [what, shiftMs, lookMs] of [
      ['back', -HOUR_MS, sessionMs], // longer than the lease that was given before
      ['forward', 0, sessionMs / 2],
      ['forward once more', HOUR_MS, sessionMs / 2],
    ] as const) {
      const atMs = await setClock(rig, shiftMs)
      const gapMs = await longestGapMs(ledger, atMs, atMs + lookMs)
      t.diagnostic(`set ${what}: no start for ${gapMs.toFixed(0)} ms (a heartbeat is ${sessionMs / 6} ms)`)
      assert.ok(gapMs < sessionMs / 2, `${what}: ${gapMs} ms`)
    }
    const sessions = member.events.filter(({ event }) => event.startsWith('session:'))
    assert.ok(sessions.every(one => one.event === 'session:lost' || one.payload['sameClaims'] === true))
    assert.equal(member.everClaimed.size, PARTITIONS)
    await stop(rig)
  })

  it('that is set back by an hour before, in or after a freeze of two sessions makes no claim last longer', async t => {
    const sessionMs = 1000
    const rig = await busyMember(t, sessionMs)
    const { clock, member, ledger } = rig
    for (const [when, shiftMs] of [
      ['before', -HOUR_MS],
      ['in', -2 * HOUR_MS],
      ['after', -3 * HOUR_MS],
    ] as const) {
      const known = member.events.length
      const before = member.claimed
      if (when === 'before') await setClock(rig, shiftMs)
      member.signal('SIGSTOP')
      await sleep(2 * sessionMs) // what this test is about
      if (when === 'in') clock.shiftBy(shiftMs)
      const thawedAtMs = Date.now()
      member.signal('SIGCONT')
      if (when === 'after') clock.shiftBy(shiftMs)
      const restored = await member.event('session:restored', known)
      assert.deepEqual(restored.payload, { sameClaims: false }, when)
      const handled = ledger.count
      await eventually(() => ledger.count > handled + 100, { message: 'handlers go on' })
      const late = ledger.read().filter(({ startMs, epoch }) => startMs > thawedAtMs && before.has(epoch))
      t.diagnostic(`set back ${when} the freeze: ${late.length} started under an old claim`)
      assert.ok(late.length <= MAY_START, when)
    }
    await stop(rig)
  })

  it('that is set forward while the member is frozen within its lease keeps handlers from starting until a heartbeat is answered', async t => {
    const sessionMs = 2000
    const rig = await busyMember(t, sessionMs)
    const { clock, member, ledger } = rig
    member.signal('SIGSTOP')
    await sleep(sessionMs / 4) // within the lease
    clock.shiftBy(HOUR_MS)
    await sleep(SHIFT_SEEN_MS)
    const known = member.events.length
    const thawedAtMs = Date.now()
    member.signal('SIGCONT')
    const gapMs = await longestGapMs(ledger, thawedAtMs, thawedAtMs + sessionMs / 2)
    const sessions = member.events.slice(known).filter(({ event }) => event.startsWith('session:'))
    t.diagnostic(`no start for ${gapMs.toFixed(0)} ms; ${sessions.map(({ event }) => event).join(', ')}`)
    assert.deepEqual(
      sessions.map(({ event }) => event),
      ['session:lost', 'session:restored'],
    )
    const restoredMs = sessions[1]!.atMs - HOUR_MS - TOLERANCE_MS // it is told a moment after workers could see it
    const early = ledger.read().filter(({ startMs }) => startMs > thawedAtMs && startMs < restoredMs)
    assert.ok(early.length <= MAY_START, `${early.length} handlers started before the lease was renewed`)
    assert.equal(member.everClaimed.size, PARTITIONS)
    await stop(rig)
  })
})
