import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { processIdentity } from '#src/stack/process-identity.js'
import { eventually } from '../../support/eventually.ts'
import { failOnLeaks } from '../../support/leaks.ts'
import { StackProgram } from '../../support/stack-program.ts'

failOnLeaks()

async function allEnded(pids: readonly number[]): Promise<boolean> {
  const running = await Promise.all(pids.map(processIdentity))
  return running.every(identity => identity === undefined)
}

describe('nothing of a stack is left running or lying about', () => {
  it('when the process that started it is killed, even if a server is frozen', async t => {
    const program = await StackProgram.start(t, { freeze: true })
    const { pids, directory } = await program.up()
    assert.ok(directory.startsWith(program.temporary))
    assert.equal(await allEnded(pids), false)
    program.child.kill('SIGKILL')
    assert.equal(await program.ended(), 'SIGKILL')
    await eventually(() => allEnded(pids))
    await program.nothingLeft()
  })

  it('when it is killed while the servers start', async t => {
    const program = await StackProgram.start(t)
    await eventually(async () => (await program.leftovers()).some(found => found.includes('kafka.Kafka')))
    program.child.kill('SIGKILL')
    await program.ended()
    await program.nothingLeft()
  })

  it('when it is interrupted', async t => {
    const program = await StackProgram.start(t)
    const { pids } = await program.up()
    program.child.kill('SIGINT')
    assert.equal(await program.ended(), 'SIGINT')
    await eventually(() => allEnded(pids))
    await program.nothingLeft()
  })

  it('when it ends without stopping it', async t => {
    const program = await StackProgram.start(t)
    const { pids } = await program.up()
    program.child.stdin.end()
    assert.equal(await program.ended(), 7)
    await eventually(() => allEnded(pids))
    await program.nothingLeft()
  })

  it('when a server cannot start', async t => {
    const program = await StackProgram.start(t, { brokerSettings: { 'log.segment.bytes': 'many' } })
    const { code, message } = await program.report()
    assert.equal(code, 'STACK_FAILED')
    assert.match(
      message!,
      /^broker 0 ended while starting; .*Invalid value many for configuration log\.segment\.bytes/,
    )
    assert.equal(await program.ended(), 0)
    await program.nothingLeft()
  })
})
