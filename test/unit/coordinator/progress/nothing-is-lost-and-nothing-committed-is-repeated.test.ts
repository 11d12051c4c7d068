import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { LaneSettings } from '#src/shared/ordering.js'
import type { ModelRecord } from '../../../support/lanes-model.ts'
import { ProgressHistory, type HistoryStep } from '../../../support/progress-history.ts'

const settings: fc.Arbitrary<LaneSettings> = fc.oneof(
  fc.constantFrom<LaneSettings>(
    { ordering: 'partition', hash: null, lanes: 1 },
    { ordering: 'none', hash: null, lanes: 1 },
    { ordering: 'key', hash: null, lanes: 1 },
  ),
  fc.integer({ min: 2, max: 5 }).map((lanes): LaneSettings => ({ ordering: 'key', hash: 'xxh32', lanes })),
)

/** Records with gaps between them, of a few keys or none. */
const logs: fc.Arbitrary<ModelRecord[]> = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 3 }),
      key: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')),
    }),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map(records => {
    let offset = -1
    return records.map(({ gap, key }) => ({ offset: (offset += gap), key }))
  })

const which = fc.nat(1_000)
const ofRecords: fc.Arbitrary<HistoryStep> = fc.record({
  do: fc.constantFrom(
    'feed',
    'feed',
    'begin',
    'begin',
    'take',
    'take',
    'start',
    'start',
    'finish',
    'finish',
    'fail',
    'retry',
  ),
  which,
})
const ofClaim: fc.Arbitrary<HistoryStep> = fc.record({
  do: fc.constantFrom('publish', 'publish', 'level', 'commit', 'commit', 'die'),
})
const nextClaim: fc.Arbitrary<HistoryStep> = fc.record({
  do: fc.constantFrom('crash', 'move'),
  own: settings,
})
const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: ofRecords },
    { weight: 3, arbitrary: ofClaim },
    { weight: 1, arbitrary: nextClaim },
  ),
  { minLength: 20, maxLength: 300, size: 'max' },
)

describe('progress', () => {
  it('loses no record, repeats none whose completion was committed and keeps the order of keys, whatever happens and whoever claims', () => {
    fc.assert(
      fc.property(logs, settings, steps, (log, own, history) => {
        const partition = new ProgressHistory(log, own)
        for (const step of history) partition.step(step)
        partition.runToTheEnd()
      }),
      { numRuns: 500 },
    )
  })

  it('does so where lanes and order are changed twice before those of the first have met', () => {
    const busy = fc.array(ofRecords, { minLength: 30, maxLength: 150, size: 'max' })
    const commit: HistoryStep = { do: 'commit' }
    fc.assert(
      fc.property(
        logs,
        settings,
        fc.array(fc.tuple(busy, settings), { minLength: 3, maxLength: 3 }),
        (log, own, parts) => {
          const partition = new ProgressHistory(log, own)
          for (const [part, next] of parts) {
            for (const step of part) partition.step(step)
            for (const step of [{ do: 'publish' } as const, commit, { do: 'crash', own: next } as const])
              partition.step(step)
          }
          partition.runToTheEnd()
        },
      ),
      { numRuns: 500 },
    )
  })
})
