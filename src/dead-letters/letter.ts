import { LETTER_HEADERS } from '../coordinator/dead-letters/letter-format.ts'
import type { OutgoingHeader } from '../shared/kafka/record-batch.ts'
import type { Offset } from '../shared/types.ts'

/** A record as it stands in a log. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: Offset
  /** Milliseconds. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly OutgoingHeader[]
}

/** What the headers of a dead letter tell. Anybody may have written them: nothing is believed but that it is text. */
export interface LetterFacts {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
  /** Of the record that failed, in milliseconds; null if the header does not tell. */
  readonly timestamp: number | null
  readonly group: string
  readonly member: string
  readonly attempts: number | null
  readonly errorName: string
  readonly errorCode: string
  readonly errorMessage: string
  readonly errorStack: string
}

export interface StoredLetter {
  readonly record: StoredRecord
  /** Null: a message in the topic that is no dead letter. */
  readonly facts: LetterFacts | null
}

export function readLetter(record: StoredRecord): StoredLetter {
  const text = (name: string): string => {
    const found = record.headers.findLast(([header]) => header === name)?.[1] ?? null
    return found === null ? '' : Buffer.from(found).toString()
  }
  const partition = wholeNumber(text(LETTER_HEADERS.partition))
  const offset = wholeNumber(text(LETTER_HEADERS.offset))
  const topic = text(LETTER_HEADERS.topic)
  if (topic === '' || partition === null || offset === null) return { record, facts: null }
  const facts: LetterFacts = {
    topic,
    partition,
    offset,
    timestamp: wholeNumber(text(LETTER_HEADERS.timestamp)),
    group: text(LETTER_HEADERS.group),
    member: text(LETTER_HEADERS.member),
    attempts: wholeNumber(text(LETTER_HEADERS.attempts)),
    errorName: text(LETTER_HEADERS.errorName),
    errorCode: text(LETTER_HEADERS.errorCode),
    errorMessage: text(LETTER_HEADERS.errorMessage),
    errorStack: text(LETTER_HEADERS.errorStack),
  }
  return { record, facts }
}

function wholeNumber(text: string): number | null {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : null
}
