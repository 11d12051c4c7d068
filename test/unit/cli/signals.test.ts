import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { stopOnSignals } from '#src/cli/signals.js'

type StopSignal = 'SIGINT' | 'SIGTERM'

/** This process as `kwg run` sees it, with signals that nobody sends and an exit that does not happen. */
function watch(t: TestContext): { at: (ms: number, signal: StopSignal) => void; told: string[] } {
  const told: string[] = []
  let nowMs = 0
  t.mock.method(process, 'exit', (code: number) => told.push(`exit ${code}`))
  const release = stopOnSignals(
    signal => void told.push(`stop at ${signal}`),
    () => nowMs,
  )
  t.after(release)
  const at = (ms: number, signal: StopSignal): void => {
    nowMs = ms
    process.emit(signal, signal)
  }
  return { at, told }
}

describe('signals to kwg run', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`stop it at ${signal}, and end it at a second one`, t => {
      const { at, told } = watch(t)
      at(1000, signal)
      assert.deepEqual(told, [`stop at ${signal}`])
      at(1100, signal)
      assert.deepEqual(told, [`stop at ${signal}`, 'exit 130'])
    })

    it(`may come twice at once, as from a terminal and from npm: that is one ${signal}`, t => {
      const { at, told } = watch(t)
      at(1000, signal)
      at(1000, signal)
      at(1099, signal)
      assert.deepEqual(told, [`stop at ${signal}`])
      at(2000, signal)
      assert.deepEqual(told, [`stop at ${signal}`, 'exit 130'])
    })
  }

  it('are two when they differ, however soon', t => {
    const { at, told } = watch(t)
    at(1000, 'SIGINT')
    at(1001, 'SIGTERM')
    assert.deepEqual(told, ['stop at SIGINT', 'exit 130'])
  })
})
