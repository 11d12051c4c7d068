import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { processIdentity } from '#src/stack/process-identity.js'

describe('processIdentity', () => {
  it('stays the same while a process runs, differs between processes, and is gone with it', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
    const ended = once(child, 'exit')
    try {
      const pid = child.pid!
      const identity = await processIdentity(pid)
      assert.notEqual(identity, undefined)
      assert.equal(await processIdentity(pid), identity)
      assert.notEqual(identity, await processIdentity(process.pid))
      child.kill('SIGKILL')
      await ended
      assert.equal(await processIdentity(pid), undefined)
    } finally {
      child.kill('SIGKILL')
    }
  })
})
