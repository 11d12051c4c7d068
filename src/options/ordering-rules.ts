import { DEFAULTS } from './defaults.ts'
import type { OptionProblem } from './problems.ts'
import { problem, type Rule } from './rule.ts'
import type { RunGroupOptions } from './types.ts'

/** What must hold between the order of records and the options that not every order has a use for. */
export const ORDERING_RULES: readonly Rule[] = [
  { reads: ['ordering', 'concurrency'], check: partitionOrderIsSerial },
  { reads: ['ordering', 'lanesPerPartition'], check: onlyKeysAreDivided },
  { reads: ['ordering', 'ringBytesPerPartition'], check: partitionOrderHasNoRing },
  { reads: ['ordering', 'batchSize'], check: batchesKeepPartitionOrder },
]

/** Two records of a partition at once have no order. */
function partitionOrderIsSerial({
  ordering = DEFAULTS.ordering,
  concurrency = DEFAULTS.concurrency,
}: RunGroupOptions): OptionProblem[] {
  if (ordering !== 'partition' || concurrency === 1) return []
  return [
    problem(
      'concurrency',
      concurrency,
      "1, because ordering 'partition' has one record of a partition in hand at a time: more run at once with ordering 'key' or 'none'",
    ),
  ]
}

function onlyKeysAreDivided({
  ordering = DEFAULTS.ordering,
  lanesPerPartition,
}: RunGroupOptions): OptionProblem[] {
  if (lanesPerPartition === undefined || ordering === 'key') return []
  const expected = `nothing, unless ordering is 'key' (it is '${ordering}', which has one lane per partition)`
  return [problem('lanesPerPartition', lanesPerPartition, expected)]
}

function partitionOrderHasNoRing({
  ordering = DEFAULTS.ordering,
  ringBytesPerPartition,
}: RunGroupOptions): OptionProblem[] {
  if (ringBytesPerPartition === undefined || ordering !== 'partition') return []
  return [
    problem(
      'ringBytesPerPartition',
      ringBytesPerPartition,
      "nothing, unless ordering is 'key' or 'none' (it is 'partition': see fetch.maxBufferedBytes)",
    ),
  ]
}

/** The records of a batch are run as one, and in the other orders each is taken, retried and finished by itself. */
function batchesKeepPartitionOrder({
  ordering = DEFAULTS.ordering,
  batchSize = DEFAULTS.batchSize,
}: RunGroupOptions): OptionProblem[] {
  if (ordering === 'partition' || batchSize === 1) return []
  return [
    problem(
      'batchSize',
      batchSize,
      `1, because with ordering '${ordering}' each record is handled by itself: use ordering 'partition' for batches, or a handler for single records with more concurrency`,
    ),
  ]
}
