import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { decodeProgress } from '#src/coordinator/progress/progress-format.js'
import type { Progress } from '#src/coordinator/progress/progress.js'
import type { RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, Ledger, type LedgerEntry } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

/** In each of two parts, behind the stuck one. */
const RECORDS = 2_000
const STUCK = 'stuck'
const KILLER = new URL('../../../test/fixtures/handlers/killer.js', import.meta.url)
const SLEEP_MS = 20

interface Rig {
  readonly topic: string
  readonly options: RunGroupOptions
  /** What is stored of the partition. */
  readonly progress: () => Promise<Progress | null>
}

async function createRig(t: TestContext, given: Partial<RunGroupOptions>): Promise<Rig> {
  const topic = await createTopic(t)
  const groupId = uniqueGroup()
  const zookeeper = await openZooKeeper(t)
  return {
    topic,
    options: {
      groupId,
      topics: [topic],
      zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2000 },
      commit: { intervalMs: 200 },
      threads: 2,
      offsetReset: 'earliest',
      ...given,
    },
    progress: async () => {
      const node = await zookeeper.read(`/consumers/${groupId}/progress/${topic}/0`)
      return node === undefined ? null : decodeProgress(node.data, 'progress')
    },
  }
}

function* part(number: 1 | 2): Generator<{ key: string; value: string }> {
  if (number === 1) yield { key: STUCK, value: 'never ends' }
  for (let index = 0; index < RECORDS; index += 1) yield { key: `key-${index % 500}`, value: String(index) }
}

/** Everything below is stored as finished but for the first record, which is in hand. */
async function allButStuck({ progress }: Rig, end: number, member: MemberProcess): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const stored = await progress()
    return (
      stored !== null &&
      stored.frontiers.every(frontier => frontier === end) &&
      stored.inHand.map(({ offset }) => offset).join() === '0'
    )
  }
  await eventually(isThere, {
    deadlineMs: 60_000,
    message: () => `all below ${end} committed: ${member.errors} ${JSON.stringify(member.events)}`,
  })
}

/** Without those that only tell how busy this machine is. */
function errorsOf({ errorCodes }: MemberProcess): string[] {
  return errorCodes.filter(code => code !== 'EVENT_LOOP_BLOCKED')
}

async function kill(member: MemberProcess): Promise<void> {
  member.signal('SIGKILL')
  await member.exit()
}

/** The records of a ledger, without the stuck one, each of which was handled once. */
function assertOnce(ledger: Ledger, from: number, end: number): void {
  const counts = countByRecord(ledger.read())
  counts.delete('0/0')
  assert.equal(counts.size, end - from)
  assert.deepEqual(
    [...counts].filter(([, count]) => count !== 1),
    [],
  )
  assert.ok(counts.has(`0/${from}`) && counts.has(`0/${end - 1}`))
}

/** Of async handlers that take at least SLEEP_MS. */
function mostAtOnce(entries: readonly LedgerEntry[]): number {
  const starts = entries.map(({ startMs }) => startMs).sort((a, b) => a - b)
  return Math.max(...starts.map((start, at) => at + 1 - starts.findIndex(one => one > start - SLEEP_MS + 1)))
}

describe(
  'a record that is stuck at the head of a partition, whose process is killed',
  { concurrency: 2 },
  () => {
    for (const ordering of ['key', 'none'] as const) {
      it(`hangs again in the next process, which finishes all others, and in the one after that: ${ordering}`, async t => {
        const rig = await createRig(t, {
          ordering,
          // With one place on each thread, the stuck record would hold its lane in key order.
          concurrency: ordering === 'key' ? 4 : 2,
          retry: { attempts: 20 }, // it may be alone when its process is killed: as many deaths in a row would be laid to it
        })
        const end = 1 + RECORDS
        const ledgers = [new Ledger(t), new Ledger(t), new Ledger(t)] as const
        await produce(rig.topic, part(1))
        const first = new MemberProcess(t, ledgers[0].handler({ ignoreKey: STUCK }), rig.options)
        await allButStuck(rig, end, first)
        await kill(first)

        await produce(rig.topic, part(2))
        const second = new MemberProcess(t, ledgers[1].handler({ ignoreKey: STUCK }), rig.options)
        await allButStuck(rig, end + RECORDS, second)
        assertOnce(ledgers[1], end, end + RECORDS)
        assert.equal(new Set(ledgers[1].read().map(({ threadId }) => threadId)).size, 1, 'it was careful')
        await kill(second)

        await produce(rig.topic, part(2))
        const third = new MemberProcess(t, ledgers[2].handler({ ignoreKey: STUCK }), rig.options)
        await allButStuck(rig, end + 2 * RECORDS, third)
        assertOnce(ledgers[2], end + RECORDS, end + 2 * RECORDS)
        assert.deepEqual([second, third].flatMap(errorsOf), [])
        await kill(third)

        const last = new Ledger(t)
        const group = await runMember(t, last.handler(), rig.options)
        await eventually(() => group.status().handled === 1 && group.status().lag === 0, {
          deadlineMs: 60_000,
        })
        await group.stop()
        assert.deepEqual([...countByRecord(last.read())], [['0/0', 1]])
      })

      it(`waits for its next attempt, and holds up nothing meanwhile: ${ordering}`, async t => {
        const rig = await createRig(t, {
          ordering,
          retry: { attempts: 9, backoffMs: 600_000, maxBackoffMs: 600_000 },
        })
        const end = 1 + RECORDS
        const ledgers = [new Ledger(t), new Ledger(t)] as const
        const handler = ({ file }: Ledger): URL => {
          const url = new URL(KILLER)
          url.search = new URLSearchParams({ file, fail: STUCK }).toString()
          return url
        }
        await produce(rig.topic, part(1))
        const first = new MemberProcess(t, handler(ledgers[0]), rig.options)
        await allButStuck(rig, end, first)
        await kill(first)

        await produce(rig.topic, part(2))
        const second = new MemberProcess(t, handler(ledgers[1]), rig.options)
        await allButStuck(rig, end + RECORDS, second)
        assertOnce(ledgers[1], end, end + RECORDS)
        assert.equal((await rig.progress())!.inHand[0]!.attempts, 2)
      })

      it(`is followed by many others at once, though what runs is stored before: ${ordering}`, async t => {
        const rig = await createRig(t, { ordering, concurrency: 100 })
        const end = 1 + RECORDS
        const ledgers = [new Ledger(t), new Ledger(t)] as const
        await produce(rig.topic, part(1))
        const first = new MemberProcess(t, ledgers[0].handler({ ignoreKey: STUCK }), rig.options)
        await allButStuck(rig, end, first)
        await kill(first)

        await produce(rig.topic, part(2))
        const handler = ledgers[1].handler({ ignoreKey: STUCK, sleepMs: SLEEP_MS })
        const second = new MemberProcess(t, handler, rig.options)
        await allButStuck(rig, end + RECORDS, second)
        const entries = ledgers[1].read()
        const most = mostAtOnce(entries)
        assert.ok(most >= 25 && most <= 50, `${most} at once on the one thread of two, which has 50 places`)
        assert.equal(new Set(entries.map(({ threadId }) => threadId)).size, 1, 'it was careful')
      })
    }
  },
)
