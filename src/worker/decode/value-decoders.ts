import type * as Msgpackr from 'msgpackr'
import type { DecodeOption, ValueDecoder } from '../../handler.ts'
import { messageOf, toError } from '../../shared/errors.ts'
import { jsonFault } from '../../shared/json-fault.ts'
import { loadedOnce } from '../../shared/loaded-once.ts'

/** What a built-in decoder throws: the name of the parser's error, and words that quote nothing of the value, as the parser's may. */
export class ValueFault extends SyntaxError {
  constructor(what: string, thrown: unknown) {
    super(what)
    this.name = toError(thrown).name
  }
}

const library = loadedOnce('msgpackr') as () => typeof Msgpackr
let unpackr: Msgpackr.Unpackr | undefined

const asBuffer: ValueDecoder = bytes => bytes

const BUILT_IN = {
  buffer: asBuffer,
  string: bytes => bytes.toString(),
  json: parseJson,
  msgpack: unpack,
} as const satisfies Record<string, ValueDecoder>

/** The function that makes a record's value of its bytes, which are never null. @defaultValue 'buffer' */
export function valueDecoder(option: DecodeOption = 'buffer'): ValueDecoder {
  return typeof option === 'function' ? option : BUILT_IN[option]
}

/** Whether its values are views of the record's bytes, which therefore have to be made anew when those move. */
export function returnsView(decoder: unknown): boolean {
  return decoder === asBuffer
}

function parseJson(bytes: Buffer): unknown {
  const text = bytes.toString()
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new ValueFault(jsonFault(messageOf(thrown)), thrown)
  }
}

/**
 * Maps become plain objects. Binary data is copied, or one small field of a value that somebody keeps would hold on to
 * everything that was fetched with it.
 */
function unpack(bytes: Buffer): unknown {
  unpackr ??= new (library().Unpackr)({ useRecords: false, copyBuffers: true })
  try {
    return unpackr.unpack(bytes)
  } catch (thrown) {
    throw new ValueFault('not valid MessagePack', thrown)
  }
}
