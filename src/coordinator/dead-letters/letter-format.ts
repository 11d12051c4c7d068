import type { ErrorWire } from '../../shared/error-wire.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import type { OutgoingHeader, OutgoingRecord } from '../../shared/kafka/record-batch.ts'
import type { DeadLetter } from '../../shared/protocol.ts'

/** Headers that say where a dead letter comes from and why; all text in UTF-8. */
export const LETTER_HEADERS = {
  topic: 'x-kwg-topic',
  partition: 'x-kwg-partition',
  offset: 'x-kwg-offset',
  timestamp: 'x-kwg-timestamp',
  group: 'x-kwg-group',
  member: 'x-kwg-member',
  attempts: 'x-kwg-attempts',
  errorName: 'x-kwg-error-name',
  errorCode: 'x-kwg-error-code',
  errorMessage: 'x-kwg-error-message',
  errorStack: 'x-kwg-error-stack',
} as const

/** Every name that begins like this is ours: what an earlier round through the topic has left is replaced. */
const OWN_PREFIX = 'x-kwg-'

/** Bytes of UTF-8. Brokers limit records as a whole, and stacks can be endless. */
const MAX_STACK_BYTES = 4_096
const MAX_MESSAGE_BYTES = 4_096
/** Names and codes are words; whoever throws can make them anything. */
const MAX_WORD_BYTES = 256

/** Code of an error that brings none. */
const HANDLER_FAILED: ErrorCode = 'HANDLER_FAILED'

export interface LetterSender {
  readonly groupId: string
  readonly memberId: string
}

/**
 * A dead letter as it is written: key, value and headers byte for byte as they were, then where it comes from and why.
 * `writtenAtMs` is the record's own time: with the original one, retention could remove the letter at once.
 */
export function encodeLetter(letter: DeadLetter, sender: LetterSender, writtenAtMs: number): OutgoingRecord {
  return {
    timestamp: writtenAtMs,
    key: letter.key,
    value: letter.value,
    headers: [...withoutOwnHeaders(letter.headers), ...origin(letter), ...fate(letter, sender)],
  }
}

export function isOwnHeader([name]: readonly [name: string, value: unknown]): boolean {
  return name.startsWith(OWN_PREFIX)
}

/** The headers as their producer wrote them, as far as names tell. */
export function withoutOwnHeaders(headers: readonly OutgoingHeader[]): OutgoingHeader[] {
  return headers.filter(header => !isOwnHeader(header))
}

function origin({ lane, offset, timestamp }: DeadLetter): OutgoingHeader[] {
  return [
    text(LETTER_HEADERS.topic, lane.topic),
    text(LETTER_HEADERS.partition, lane.partition),
    text(LETTER_HEADERS.offset, offset),
    text(LETTER_HEADERS.timestamp, timestamp),
  ]
}

function fate({ attempts, error }: DeadLetter, { groupId, memberId }: LetterSender): OutgoingHeader[] {
  return [
    text(LETTER_HEADERS.group, groupId),
    text(LETTER_HEADERS.member, memberId),
    text(LETTER_HEADERS.attempts, attempts),
    ...errorHeaders(error),
  ]
}

/** Always all four: whoever reads them need not ask first. Of a handler that threw, what it threw; empty what that does not have. */
function errorHeaders(given: ErrorWire): OutgoingHeader[] {
  const isWrapped = given.code === HANDLER_FAILED && given.cause !== undefined
  const { name, code = HANDLER_FAILED, message, stack } = isWrapped ? given.cause : given
  return [
    [LETTER_HEADERS.errorName, cutUtf8(name, MAX_WORD_BYTES)],
    [LETTER_HEADERS.errorCode, cutUtf8(code, MAX_WORD_BYTES)],
    [LETTER_HEADERS.errorMessage, cutUtf8(message, MAX_MESSAGE_BYTES)],
    [LETTER_HEADERS.errorStack, cutUtf8(stack, MAX_STACK_BYTES)],
  ]
}

function text(name: string, value: string | number): OutgoingHeader {
  return [name, Buffer.from(String(value))]
}

/** The text in at most so many bytes, which never end inside of a character. */
export function cutUtf8(value: string, maxBytes: number): Buffer {
  const bytes = Buffer.from(value)
  let end = Math.min(maxBytes, bytes.length)
  // Bytes 10xxxxxx go on with the character that began before them.
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1
  return bytes.subarray(0, end)
}
