/** Headers by name; a name that occurs more than once has an array, in the order of the record. */
export type RecordHeaders = Record<string, Buffer | Buffer[]>

const NO_VALUE = Buffer.alloc(0)

/**
 * The headers that stand in `bytes` from `start`, where their number is, to `end`. A null value becomes an empty one.
 * @throws DamagedHeaders
 */
export function readHeaders(bytes: Buffer, start: number, end: number): RecordHeaders {
  // No prototype: a header may be called __proto__ or constructor.
  const headers = Object.create(null) as RecordHeaders
  const reader = new HeaderReader(bytes, start, end)
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.slice(reader.varint()).toString()
    const length = reader.varint()
    add(headers, name, length === -1 ? NO_VALUE : reader.slice(length))
  }
  reader.expectEnd()
  return headers
}

/**
 * The same as they stand there: in their order, repeated names kept, and a null value told from an empty one.
 * @throws DamagedHeaders
 */
export function listHeaders(bytes: Buffer, start: number, end: number): RawHeader[] {
  return [...eachHeader(new HeaderReader(bytes, start, end))]
}

/** Of damaged ones those before the damage. */
export function readRawHeaders(bytes: Buffer, start: number, end: number): RawHeader[] {
  const headers: RawHeader[] = []
  try {
    for (const header of eachHeader(new HeaderReader(bytes, start, end))) headers.push(header)
  } catch (thrown) {
    if (!(thrown instanceof DamagedHeaders)) throw thrown
  }
  return headers
}

export type RawHeader = readonly [name: string, value: Buffer | null]

function* eachHeader(reader: HeaderReader): Generator<RawHeader> {
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.slice(reader.varint()).toString()
    const length = reader.varint()
    yield [name, length === -1 ? null : reader.slice(length)]
  }
  reader.expectEnd()
}

export class DamagedHeaders extends Error {
  override readonly name = 'DamagedHeaders'
}

function add(headers: RecordHeaders, name: string, value: Buffer): void {
  const known = headers[name]
  if (known === undefined) headers[name] = value
  else if (Array.isArray(known)) known.push(value)
  else headers[name] = [known, value]
}

class HeaderReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  varint(): number {
    let result = 0
    for (let shift = 0; shift < 35 && this.#at < this.#end; shift += 7) {
      const byte = this.#bytes[this.#at++]!
      result |= (byte & 0x7f) << shift
      if (byte < 0x80) return (result >>> 1) ^ -(result & 1)
    }
    return this.#refuse('has a number that does not end')
  }

  slice(length: number): Buffer {
    const start = this.#at
    if (length < 0 || start + length > this.#end) this.#refuse(`claims ${length} bytes`)
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  expectEnd(): void {
    if (this.#at !== this.#end) this.#refuse('is the last but bytes follow')
  }

  #refuse(what: string): never {
    throw new DamagedHeaders(`a header ${what}`)
  }
}
