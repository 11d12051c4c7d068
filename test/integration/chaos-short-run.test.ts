// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runChaos } from '../chaos/chaos-run.ts'
import { failureOf, summaryOf } from '../chaos/report.ts'
import { FAULT_KINDS } from '../chaos/schedule.ts'
import { failOnLeaks } from '../support/leaks.ts'

failOnLeaks()

const SEED = 4
/** One round: each kind once. */
const LASTS_MS = 30_000
/** Without a killed broker: its registration has to run out before it can start again, which takes most of the time. */
const KINDS = FAULT_KINDS.filter(kind => kind !== 'broker-kill')
const PAUSE_MS = { from: 200, to: 1_500 }

describe('a group under a short run of chaos', () => {
  it('loses no record, runs none by two owners, and repeats only what a fault explains', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'kwg-chaos-short-'))
    const command = `npm test -- chaos-short-run (seed ${SEED})`
    const result = await runChaos(t, {
      seed: SEED,
      lastsMs: LASTS_MS,
      kinds: KINDS,
      pauseMs: PAUSE_MS,
      directory,
    }).catch((error: unknown) => {
      t.diagnostic(`the run broke; again: ${command}; kept: ${directory}`)
      throw error
    })
    for (const line of summaryOf(result)) t.diagnostic(line)
    assert.equal(result.violations.length, 0, failureOf(result, { command, directory }))
    rmSync(directory, { recursive: true, force: true })
  })
})
