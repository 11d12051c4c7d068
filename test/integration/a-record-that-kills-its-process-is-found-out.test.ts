import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { decodeProgress } from '#src/coordinator/progress/progress-format.js'
import type { RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger } from '../support/ledger.ts'
import { MemberProcess, type MemberProcessOptions } from '../support/member-process.ts'
import { readTopic } from '../support/read-topic.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

const PARTITIONS = 4
const RECORDS = 100 // in each
const KILLER = '1/50'
const FIXTURES = new URL('../../../test/fixtures/handlers/', import.meta.url)
const BATCH = 10
const FOR_EVER_MS = 2_000_000_000

interface Rig {
  readonly options: RunGroupOptions
  readonly handler: URL
  /** Records as partition/offset, with the number of the attempt. */
  readonly attempts: () => { readonly record: string; readonly attempt: number }[]
  /** How many records each batch had, in the order in which they were begun. */
  readonly batchSizes: () => number[]
  /** All is committed. */
  readonly isDone: () => Promise<boolean>
  /** All is committed but for this record, which is in hand. */
  readonly isDoneBeside: (record: string) => Promise<boolean>
}

async function createRig(
  t: TestContext,
  parameters: Readonly<Record<string, string>>,
  module = 'killer.js',
): Promise<Rig> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  await produce(
    topic,
    Array.from({ length: PARTITIONS * RECORDS }, (_, index) => {
      const [partition, offset] = [index % PARTITIONS, Math.floor(index / PARTITIONS)]
      return { partition, key: `${partition}/${offset}`, value: 'a value' }
    }),
  )
  const ledger = new Ledger(t)
  const handler = new URL(module, FIXTURES)
  handler.search = new URLSearchParams({ ...parameters, file: ledger.file }).toString()
  const groupId = uniqueGroup()
  const zookeeper = await openZooKeeper(t)
  return {
    handler,
    options: {
      groupId,
      topics: [topic],
      zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2000 },
      threads: 2,
      commit: { intervalMs: 300 },
      offsetReset: 'earliest',
      retry: { attempts: 3, backoffMs: 10 },
      onFailure: 'skip',
    },
    batchSizes: () => linesOf(`${ledger.file}.sizes`).map(Number),
    attempts: () =>
      linesOf(ledger.file)
        .map(line => line.split(' '))
        .map(([partition, offset, , , , , , attempt]) => ({
          record: `${partition}/${offset}`,
          attempt: Number(attempt),
        })),
    isDone: async () => {
      const offsets = Object.values(await readOffsets(groupId, topic))
      return offsets.length === PARTITIONS && offsets.every(offset => offset === RECORDS)
    },
    isDoneBeside: async record => {
      const left = await leftInHand(zookeeper, `/consumers/${groupId}/progress/${topic}`)
      return left?.join() === record
    },
  }
}

/** Records as partition/offset; null: something was not even taken. */
async function leftInHand(
  zookeeper: Awaited<ReturnType<typeof openZooKeeper>>,
  path: string,
): Promise<string[] | null> {
  const left: string[] = []
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const node = await zookeeper.read(`${path}/${partition}`)
    if (node === undefined) return null
    const { frontiers, inHand } = decodeProgress(node.data, path)
    if (frontiers.some(frontier => frontier !== RECORDS)) return null
    left.push(...inHand.map(({ offset }) => `${partition}/${offset}`))
  }
  return left
}

function linesOf(file: string): string[] {
  return (existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n').slice(0, -1)
}

/** Starts a member again whenever it dies, until all records are done; with how many died and what the last one told. */
async function live(
  t: TestContext,
  { handler, options, isDone }: Rig,
  how: MemberProcessOptions = {},
): Promise<{ readonly deaths: (number | NodeJS.Signals)[]; readonly last: MemberProcess }> {
  const deaths: (number | NodeJS.Signals)[] = []
  for (;;) {
    const member = new MemberProcess(t, handler, options, how)
    const ended: (number | NodeJS.Signals)[] = []
    void member.exited.then(code => ended.push(code))
    await eventually(async () => ended.length > 0 || (await isDone()), {
      deadlineMs: 60_000,
      message: () => `the records done, or process ${deaths.length + 1} dead: ${member.errors}`,
    })
    if (ended.length === 0) return { deaths, last: member }
    deaths.push(...ended)
    assert.ok(deaths.length <= 6, `processes die for ever: ${deaths.join(', ')}: ${member.errors}`)
  }
}

/** The record is given up and told, and no other; all others were handled. */
function assertFoundOut({ attempts }: Rig, last: MemberProcess, died = 3): void {
  const blamed = last.events.filter(
    ({ event, payload }) => event === 'error' && payload['code'] === 'HANDLER_KILLED_PROCESS',
  )
  const details = blamed.map(({ payload }) => payload['details'] as Record<string, unknown>)
  assert.deepEqual(
    details.map(({ partition, offset, attempt, deaths }) => ({ partition, offset, attempt, deaths })),
    [{ partition: 1, offset: 50, attempt: 3, deaths: died }],
  )
  const seen = new Set(attempts().map(({ record }) => record))
  assert.equal(seen.size, PARTITIONS * RECORDS)
}

describe('a record that kills its process', { concurrency: 5 }, () => {
  it('is given up after as many deaths as it has attempts, and every other record is handled', async t => {
    const rig = await createRig(t, { kill: KILLER })
    const { deaths, last } = await live(t, rig)
    assert.deepEqual(deaths, ['SIGKILL', 'SIGKILL', 'SIGKILL'])
    assertFoundOut(rig, last)
  })

  for (const ordering of ['key', 'none'] as const) {
    it(`is given up after as many deaths in the other orders, too: ${ordering}`, async t => {
      const rig = await createRig(t, { kill: KILLER })
      const options = { ...rig.options, ordering, concurrency: 8, onFailure: 'dead-letter' as const }
      const { deaths, last } = await live(t, { ...rig, options })
      assert.deepEqual(deaths, ['SIGKILL', 'SIGKILL', 'SIGKILL'])
      assertFoundOut(rig, last)
      const letters = (await readTopic(`${options.groupId}.dead-letters`)).flat()
      assert.deepEqual(
        letters.map(({ key }) => String(key)),
        [KILLER],
      )
    })
  }

  for (const [ordering, hanging] of [
    ['key', '1/0'],
    ['none', '1/0'],
    ['key', '2/0'],
  ] as const)
    it(`is given up, and nothing else, beside one that hangs in every process: ${ordering}, ${hanging}`, async t => {
      const rig = await createRig(t, { kill: KILLER, slow: `${hanging}:${FOR_EVER_MS}` })
      const options = { ...rig.options, ordering, concurrency: 8, onFailure: 'dead-letter' as const }
      const isDone = (): Promise<boolean> => rig.isDoneBeside(hanging)
      const { deaths, last } = await live(t, { ...rig, options, isDone })
      assert.ok(deaths.length <= 4, `${deaths.length} deaths: one more if the one that hangs came first`)
      assertFoundOut(rig, last, deaths.length)
      const begun = rig.attempts().filter(({ record }) => record === hanging)
      assert.ok(begun.length >= 2 && begun.every(({ attempt }) => attempt === 1), 'no death was laid to it')
    })

  it('is not taken for one that is only in hand whenever its process is killed', async t => {
    const slow = '2/30'
    const rig = await createRig(t, { slow: `${slow}:1500` })
    const options = { ...rig.options, retry: { attempts: 5 } }
    const begun = (): number => rig.attempts().filter(({ record }) => record === slow).length
    for (let kills = 1; kills <= 3; kills += 1) {
      const member = new MemberProcess(t, rig.handler, options)
      await eventually(() => begun() === kills, { deadlineMs: 60_000, message: () => member.errors })
      member.signal('SIGKILL')
      await member.exit()
    }
    const { deaths, last } = await live(t, { ...rig, options })
    assert.deepEqual([deaths, last.errorCodes], [[], []])
    assert.equal(begun(), 4, 'it was handled, and not given up')
  })

  it('is not taken for one that is in hand whenever its member loses its session and lives', async t => {
    const slow = '2/30'
    const rig = await createRig(t, { slow: `${slow}:3000` })
    const begun = (): number => rig.attempts().filter(({ record }) => record === slow).length
    const members = [new MemberProcess(t, rig.handler, rig.options)]
    for (let freezes = 1; freezes <= 3; freezes += 1) {
      const holder = members.at(-1)!
      await eventually(() => begun() === freezes, { deadlineMs: 60_000, message: () => holder.errors })
      holder.signal('SIGSTOP')
      const next = members.length > 1 ? members.shift()! : new MemberProcess(t, rig.handler, rig.options)
      next.signal('SIGCONT') // it finds its own session over, and then the other's
      members.push(next)
    }
    await eventually(() => begun() === 4, { deadlineMs: 60_000, message: () => members[1]!.errors })
    members[0]!.signal('SIGCONT')
    await eventually(rig.isDone, { deadlineMs: 60_000, message: () => members.map(m => m.errors).join() })
    const blamed = members.flatMap(({ errorCodes }) => errorCodes.filter(code => code.startsWith('HANDLER_')))
    assert.deepEqual(blamed, [])
    assert.equal(begun(), 4, 'it was handled, and not given up')
  })

  it('is found out, too, when it takes memory outside of the heap until the process is killed', async t => {
    const rig = await createRig(t, { kill: KILLER, how: 'memory' })
    const options = { ...rig.options, onFailure: 'dead-letter' as const }
    const { deaths, last } = await live(t, { ...rig, options }, { maxDataBytes: 700_000_000 })
    assert.equal(deaths.length, 3, deaths.join(', '))
    assertFoundOut(rig, last)
    const letters = await endOffsets(`${options.groupId}.dead-letters`)
    assert.equal(
      letters.reduce((sum, end) => sum + end, 0),
      1,
    )
  })

  it('is found out, too, within a batch, and no other record of the batch is given up', async t => {
    const rig = await createRig(t, { kill: KILLER }, 'killer-batches.js')
    const options = { ...rig.options, onFailure: 'dead-letter' as const, batchSize: BATCH }
    const { deaths, last } = await live(t, { ...rig, options })
    assert.deepEqual(deaths, ['SIGKILL', 'SIGKILL', 'SIGKILL'])
    assertFoundOut(rig, last)
    const killer = rig.attempts().filter(({ record }) => record === KILLER)
    assert.equal(killer.length, 3)
    assert.ok(rig.batchSizes().filter(size => size === BATCH).length > RECORDS / BATCH, 'batches were run')
    const letters = (await readTopic(`${options.groupId}.dead-letters`)).flat()
    assert.deepEqual(
      letters.map(({ key }) => String(key)),
      [KILLER],
    )
  })
})
