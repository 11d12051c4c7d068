import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inRepository } from '../../support/repository.ts'

interface Outcome {
  readonly rows: readonly { readonly committed: number | null; readonly lag: number | null }[]
  readonly handled: number
  readonly records: number
  readonly isInterrupted: boolean
}

interface Report {
  readonly conclusion: (outcome: Outcome) => string
}

const { conclusion } = (await import(
  pathToFileURL(inRepository('examples/demo/report.js')).href
)) as unknown as Report

const whole = {
  rows: [
    { committed: 600, lag: 0 },
    { committed: 400, lag: 0 },
  ],
  handled: 1000,
  records: 1000,
  isInterrupted: false,
}
const half = {
  ...whole,
  rows: [
    { committed: 300, lag: 300 },
    { committed: 0, lag: 400 },
  ],
  handled: 300,
}

describe('the last words of the demo', () => {
  it('are that every partition is committed to its end, when it is', () => {
    const words = /every partition committed to its end, lag 0/
    assert.match(conclusion(whole), words)
    assert.match(conclusion({ ...whole, isInterrupted: true }), words)
  })

  it('are how much is left, when it was interrupted', () => {
    const words = conclusion({ ...half, isInterrupted: true })
    assert.match(words, /^Interrupted: .*all 300 records handled are committed, 700 are left/)
    assert.doesNotMatch(words, /to its end/)
  })

  it('are no words but an error, when records are missing or more is handled than committed', () => {
    assert.throws(() => conclusion(half), /expected 1,000 records and lag 0, got 300 and 700/)
    assert.throws(() => conclusion({ ...half, handled: 301, isInterrupted: true }), /301 .* 300/)
  })
})
