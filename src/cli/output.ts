import { toWire, type ErrorWire } from '../shared/error-wire.ts'
import { isGroupError } from '../shared/errors.ts'

/** One JSON object per line on standard output. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, bigintAsNumber)}\n`)
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Columns as wide as their widest cell; numbers to the right, as they are compared by eye. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = [...header.keys()].map(index => {
    const cells = rows.map(row => row[index] ?? '')
    const width = Math.max(header[index]!.length, ...cells.map(cell => cell.length))
    const isNumeric = cells.every(cell => /^(\d+|-)$/.test(cell))
    return (cell: string) => (isNumeric ? cell.padStart(width) : cell.padEnd(width))
  })
  const line = (row: readonly string[]): string =>
    columns.map((format, index) => format(row[index] ?? '')).join('  ')
  return [header, ...rows].map(row => line(row).trimEnd()).join('\n')
}

/** The cause of a failure on one line: the code, what happened, and causes that say something new. */
export function failureLine(thrown: unknown): string {
  const code = isGroupError(thrown) ? `${thrown.code}: ` : ''
  return `kwg: ${code}${withCauses(toWire(thrown)).replace(/\s*\n\s*/g, ' ')}`
}

/** Ends with `onGone` when whoever reads standard output has gone; any other trouble with it is thrown. */
export function watchReader(onGone: () => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    onGone()
  })
}

function withCauses({ message, cause }: ErrorWire): string {
  return cause === undefined || message.includes(cause.message) ? message : `${message}: ${withCauses(cause)}`
}

/** Offsets and epochs: JSON numbers are exact up to 2^53, and no log is longer. */
function bigintAsNumber(...[, value]: [key: string, value: unknown]): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}
