import { DEFAULTS, defaultDeadLetterTopic } from './defaults.ts'
import { isTopicName } from './names.ts'
import type { OptionProblem } from './problems.ts'
import { problem, type Rule } from './rule.ts'
import type { RunGroupOptions } from './types.ts'

/** What must hold between the options that say what happens when records fail. */
export const FAILURE_RULES: readonly Rule[] = [
  { reads: ['retry.backoffMs', 'retry.maxBackoffMs'], check: backoffHasRoom },
  { reads: ['onFailure', 'failGroup'], check: somethingStopsThatCouldFail },
  { reads: ['onFailure', 'deadLetter'], check: deadLettersAreAskedFor },
  { reads: ['onFailure', 'deadLetter', 'groupId'], check: deadLetterTopicHasName },
  { reads: ['onFailure', 'deadLetter', 'groupId', 'topics'], check: deadLettersAreNotConsumed },
  { reads: ['batchSize', 'batchWaitMs'], check: batchHasSomethingToWaitFor },
]

/** The first wait would be longer than the longest. With both by default it is not. */
function backoffHasRoom({ retry = {} }: RunGroupOptions): OptionProblem[] {
  const { backoffMs = DEFAULTS.retry.backoffMs, maxBackoffMs = DEFAULTS.retry.maxBackoffMs } = retry
  if (backoffMs <= maxBackoffMs) return []
  return retry.maxBackoffMs === undefined
    ? [problem('retry.backoffMs', backoffMs, `not more than retry.maxBackoffMs (${maxBackoffMs} by default)`)]
    : [problem('retry.maxBackoffMs', maxBackoffMs, `not less than retry.backoffMs (${backoffMs})`)]
}

/** Nothing would ever stop, so the group could not fail by it: one of the two is not meant. */
function somethingStopsThatCouldFail({ onFailure, failGroup }: RunGroupOptions): OptionProblem[] {
  if (onFailure !== 'skip' || failGroup !== true) return []
  return [
    problem(
      'failGroup',
      failGroup,
      "false, because onFailure 'skip' stops nothing that could fail the group",
    ),
  ]
}

/** Whoever names a topic for dead letters believes that they go there. */
function deadLettersAreAskedFor({
  onFailure = DEFAULTS.onFailure,
  deadLetter,
}: RunGroupOptions): OptionProblem[] {
  if (deadLetter === undefined || onFailure === 'dead-letter') return []
  return [
    problem('deadLetter', deadLetter, `nothing, unless onFailure is 'dead-letter' (it is '${onFailure}')`),
  ]
}

/** Groups may have names that topics may not. */
function deadLetterTopicHasName({ onFailure, deadLetter, groupId }: RunGroupOptions): OptionProblem[] {
  if (onFailure !== 'dead-letter' || deadLetter?.topic !== undefined) return []
  const topic = defaultDeadLetterTopic(groupId)
  if (isTopicName(topic)) return []
  return [problem('deadLetter.topic', undefined, `a topic name: '${topic}', the default, is not a legal one`)]
}

/** A dead letter would be consumed, fail again and be stored again, for ever. */
function deadLettersAreNotConsumed({
  onFailure,
  deadLetter,
  groupId,
  topics,
}: RunGroupOptions): OptionProblem[] {
  if (onFailure !== 'dead-letter') return []
  const topic = deadLetter?.topic ?? defaultDeadLetterTopic(groupId)
  if (!topics.includes(topic)) return []
  return [
    problem(
      'deadLetter.topic',
      deadLetter?.topic,
      `a topic that the group does not consume (topics has '${topic}')`,
    ),
  ]
}

/** A batch of one is full as soon as it begins. */
function batchHasSomethingToWaitFor({
  batchSize = DEFAULTS.batchSize,
  batchWaitMs,
}: RunGroupOptions): OptionProblem[] {
  if (batchWaitMs === undefined || batchWaitMs === 0 || batchSize > 1) return []
  return [problem('batchWaitMs', batchWaitMs, '0, because with batchSize 1 no record waits for another')]
}
