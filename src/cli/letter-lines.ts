import { isOwnHeader } from '../coordinator/dead-letters/letter-format.ts'
import type { LetterFacts, StoredLetter, StoredRecord } from '../dead-letters/letter.ts'
import { formatPayload, previewPayload } from './payload-preview.ts'

export const LETTER_COLUMNS = ['letter', 'origin', 'time', 'attempts', 'code', 'message'] as const

/** Messages are shown as far as they fit a line. */
const MESSAGE_CHARACTERS = 100

export function letterName({ partition, offset }: StoredRecord): string {
  return `${partition}:${offset}`
}

/** `topic/partition:offset`. */
export function originName({ facts }: StoredLetter): string {
  return facts === null ? '-' : plain(`${facts.topic}/${facts.partition}:${facts.offset}`)
}

export function letterCells(letter: StoredLetter): string[] {
  const { record, facts } = letter
  const rest =
    facts === null
      ? ['-', '-', 'no dead letter']
      : [String(facts.attempts ?? '-'), plain(facts.errorCode), firstLine(facts.errorMessage)]
  return [letterName(record), originName(letter), timeOf(record.timestamp), ...rest]
}

/** The first field tells a letter from a message that is none: `letter` or `noLetter`. */
export function letterJson({ record, facts }: StoredLetter, content?: 'everything'): object {
  const name = facts === null ? { noLetter: letterName(record) } : { letter: letterName(record) }
  return {
    ...name,
    time: timeOf(record.timestamp),
    ...(facts === null ? {} : factsJson(facts, content)),
    ...(content === undefined ? {} : contentJson(record)),
  }
}

function factsJson(facts: LetterFacts, content?: 'everything'): object {
  return {
    originTopic: facts.topic,
    originPartition: facts.partition,
    originOffset: facts.offset,
    originTime: facts.timestamp === null ? null : timeOf(facts.timestamp),
    group: facts.group,
    member: facts.member,
    attempts: facts.attempts,
    errorName: facts.errorName,
    code: facts.errorCode,
    message: facts.errorMessage,
    ...(content === undefined ? {} : { stack: facts.errorStack }),
  }
}

function contentJson({ key, value, headers }: StoredRecord): object {
  return {
    headers: headers.map(([name, bytes]) => ({ name, value: previewPayload(bytes) })),
    key: previewPayload(key),
    value: previewPayload(value),
  }
}

/** Everything of a letter, for a person. */
export function letterText(letter: StoredLetter): string {
  const { record, facts } = letter
  const lines = [
    ['letter', letterName(record)],
    ['time', timeOf(record.timestamp)],
    ...(facts === null
      ? [['', 'no dead letter: it does not say where it comes from']]
      : factLines(letter, facts)),
    ...record.headers
      .filter(header => facts === null || !isOwnHeader(header)) // what the lines above tell is not told again
      .map(([name, value]) => [`header ${plain(name)}`, formatPayload(value)]),
    ['key', formatPayload(record.key)],
    ['value', formatPayload(record.value)],
  ]
  const width = Math.max(...lines.map(([name]) => name!.length))
  return lines.map(([name, value]) => `${name!.padEnd(width)}  ${indented(value!, width + 2)}`).join('\n')
}

function factLines(letter: StoredLetter, facts: LetterFacts): string[][] {
  return [
    ['origin', originName(letter)],
    ['origin time', facts.timestamp === null ? '-' : timeOf(facts.timestamp)],
    ['group', plain(facts.group)],
    ['member', plain(facts.member)],
    ['attempts', String(facts.attempts ?? '-')],
    ['error', plain(`${facts.errorName} ${facts.errorCode}`)],
    ['message', plain(facts.errorMessage)],
    ['stack', plain(facts.errorStack)],
  ]
}

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`)
}

function firstLine(text: string): string {
  const line = plain(text.split('\n', 1)[0]!)
  return line.length > MESSAGE_CHARACTERS ? `${line.slice(0, MESSAGE_CHARACTERS - 1)}…` : line
}

/** Headers may hold anything, and a terminal obeys control characters. */
function plain(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '?')
}

/** Times beyond what a date can be are shown as they are. */
function timeOf(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
