import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { decodeProgress } from '#src/coordinator/progress/progress-format.js'
import type { RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const HANDLER = new URL('../../../test/fixtures/handlers/killer.js', import.meta.url)
const FAILING = 5

async function createRig(t: TestContext) {
  const topic = await createTopic(t)
  await produce(
    topic,
    Array.from({ length: 10 }, (_, offset) => ({ key: String(offset), value: 'a value' })),
  )
  const ledger = new Ledger(t)
  const handler = new URL(HANDLER)
  handler.search = new URLSearchParams({ fail: String(FAILING), file: ledger.file }).toString()
  const options: RunGroupOptions = {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2000 },
    threads: 1,
    commit: { intervalMs: 100 },
    offsetReset: 'earliest',
    retry: { attempts: 4, backoffMs: 1_500, maxBackoffMs: 1_500, jitter: 0 },
    onFailure: 'skip',
  }
  /** Attempts of the record that fails, in the order in which they began, each with the claim's epoch. */
  const attempts = (): { epoch: string; attempt: number }[] =>
    (existsSync(ledger.file) ? readFileSync(ledger.file, 'utf8') : '')
      .split('\n')
      .slice(0, -1)
      .map(line => line.split(' '))
      .filter(([, offset]) => offset === String(FAILING))
      .map(([, , , epoch, , , , attempt]) => ({ epoch: epoch!, attempt: Number(attempt) }))
  const isDone = async (): Promise<boolean> => (await readOffsets(options.groupId, topic))[0] === 10
  return { topic, handler, options, attempts, isDone }
}

/** Two attempts under the first claim, two under the second. */
function assertCounted(attempts: readonly { epoch: string; attempt: number }[]): void {
  assert.deepEqual(
    attempts.map(({ attempt }) => attempt),
    [1, 2, 3, 4],
  )
  assert.equal(attempts[0]!.epoch, attempts[1]!.epoch)
  assert.notEqual(attempts[1]!.epoch, attempts[2]!.epoch)
}

describe('attempts that failed count', { concurrency: true }, () => {
  it('for whoever the partition is released to', async t => {
    const { handler, options, attempts, isDone } = await createRig(t)
    const first = await runMember(t, handler, options)
    await eventually(() => attempts().length === 2)
    await first.stop() // the record waits for its third attempt, which holds no drain
    await runMember(t, handler, options)
    await eventually(isDone)
    assertCounted(attempts())
  })

  it('after kill -9, once they were committed', async t => {
    const { topic, handler, options, attempts, isDone } = await createRig(t)
    const view = await openZooKeeper(t)
    const path = `/consumers/${options.groupId}/progress/${topic}/0`
    const stored = async () => decodeProgress((await view.read(path))!.data, path)
    const victim = new MemberProcess(t, handler, options)
    await eventually(() => attempts().length === 2, { deadlineMs: 30_000, message: () => victim.errors })
    await eventually(async () => (await stored()).inHand[0]?.attempts === 2)
    victim.signal('SIGKILL')
    await victim.exit()
    assert.deepEqual((await stored()).inHand, [{ offset: FAILING, attempts: 2 }])
    assert.equal((await readOffsets(options.groupId, topic))[0], FAILING)
    await runMember(t, handler, options)
    await eventually(isDone, { deadlineMs: 30_000 })
    assertCounted(attempts())
  })
})
