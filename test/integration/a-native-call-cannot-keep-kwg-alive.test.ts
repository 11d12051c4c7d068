import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { KwgProcess } from '../support/cli.ts'
import { DeadlyHandler } from '../support/deadly-handler.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { sharedStack } from '../support/stack.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { within } from '../support/within.ts'

const STOP_MS = 1_000
/** The stop, the time for what lingers, and that of the exit; far below what the call takes. */
const ENDS_WITHIN_MS = 30_000

/** A `kwg` whose handler is inside a native call that goes on for minutes. */
async function computing(t: TestContext): Promise<KwgProcess> {
  const topic = await createTopic(t)
  await produce(topic, [{ value: 'compute:1' }])
  const handler = new DeadlyHandler(t)
  const file = join(temporaryDirectory(t), 'group.json')
  await writeFile(file, JSON.stringify({ stopTimeoutMs: STOP_MS, handlerTimeoutMs: 500 }))
  const where = ['--group', uniqueGroup(), '--topics', topic, '--zookeeper', sharedStack().zookeeper]
  const flags = ['--threads', '1', '--offset-reset', 'earliest', '--config', file]
  const member = new KwgProcess(t, ['run', handler.url.href, ...where, ...flags])
  await eventually(() => Object.keys(handler.starts()).length === 1, {
    deadlineMs: 30_000,
    message: () => member.stderr,
  })
  return member
}

const KILLED = /^kwg: a handler is inside a native call, which cannot be cut; the process is killed$/m

describe('a native call that goes on for minutes', () => {
  it('does not keep kwg alive beyond its stop: the process is killed, with one line that says why', async t => {
    const member = await computing(t)
    member.signal('SIGTERM')
    assert.equal(await within(ENDS_WITHIN_MS, 'kwg ends', member.exited), 'SIGKILL')
    assert.match(member.stderr, KILLED)
    assert.doesNotMatch(member.stderr, /held by/)
  })

  it('does not keep it alive after a second signal either', async t => {
    const member = await computing(t)
    member.signal('SIGTERM')
    await eventually(() => /"to":"stopping"/.test(member.stderr), { message: () => member.stderr })
    member.signal('SIGINT')
    assert.equal(await within(ENDS_WITHIN_MS, 'kwg ends', member.exited), 'SIGKILL')
    assert.match(member.stderr, KILLED)
  })
})
