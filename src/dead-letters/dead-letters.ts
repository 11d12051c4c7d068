import { resolveDeadLetterSearch, type DeadLetterSearchOptions } from '../options/dead-letter-search.ts'
import { GroupError } from '../shared/errors.ts'
import { createDefaultLogger, type Logger } from '../shared/logger.ts'
import { findLetter, findLetters } from './find-letters.ts'
import type { StoredLetter } from './letter.ts'
import { replayLetters, type ReplayedLetter } from './replay.ts'
import { visitBrokers } from './visit-topic.ts'

/** What a person does with dead letters. None of it joins a group or leaves anything behind but what is replayed. */

/** Tells of letters as they are found, up to the limit. Answers whether there are more. */
export async function listDeadLetters(
  given: DeadLetterSearchOptions,
  found: (letter: StoredLetter) => void,
  logger: Logger = createDefaultLogger('warn'),
): Promise<{ readonly hasMore: boolean }> {
  const search = resolveDeadLetterSearch(given)
  return visitBrokers(search, logger, async visit => {
    let left = search.limit
    for await (const letters of findLetters(visit, search)) {
      for (const letter of letters.slice(0, left)) found(letter)
      if (letters.length > left) return { hasMore: true }
      left -= letters.length
    }
    return { hasMore: false }
  })
}

/** The one letter that is named. */
export async function readDeadLetter(
  given: DeadLetterSearchOptions,
  logger: Logger = createDefaultLogger('warn'),
): Promise<StoredLetter> {
  const search = resolveDeadLetterSearch(given)
  const [position] = search.letters ?? []
  if (position === undefined) throw new GroupError('INTERNAL', 'no letter was named')
  return visitBrokers(search, logger, visit => findLetter(visit, search.topic, position))
}

/** Writes letters back to where they come from: those that are named, else all that the filters let pass. */
export async function replayDeadLetters(
  given: DeadLetterSearchOptions,
  isDryRun: boolean,
  done: (replayed: ReplayedLetter) => void,
  logger: Logger = createDefaultLogger('warn'),
): Promise<void> {
  const search = resolveDeadLetterSearch(given)
  await visitBrokers(search, logger, async visit => {
    for await (const replayed of replayLetters(visit, search, isDryRun, logger)) replayed.forEach(done)
  })
}
