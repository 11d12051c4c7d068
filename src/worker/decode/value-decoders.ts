import { Unpackr } from 'msgpackr'
import type { DecodeOption, ValueDecoder } from '../../handler.ts'

/**
 * Maps become objects, as handlers expect of a decoder beside JSON. Copies of binary data, or one small field would
 * keep a whole fetched batch in memory after detach().
 */
const unpackr = new Unpackr({ copyBuffers: true, mapsAsObjects: true })

const asBuffer: ValueDecoder = bytes => bytes

const BUILT_IN = {
  buffer: asBuffer,
  string: bytes => bytes.toString(),
  json: (bytes): unknown => JSON.parse(bytes.toString()),
  msgpack: (bytes): unknown => unpackr.unpack(bytes),
} as const satisfies Record<string, ValueDecoder>

/** The function that makes a record's value of its bytes, which are never null. @defaultValue 'buffer' */
export function valueDecoder(option: DecodeOption = 'buffer'): ValueDecoder {
  return typeof option === 'function' ? option : BUILT_IN[option]
}

/** Whether its values are views of the record's bytes, which therefore have to be made anew when those move. */
export function returnsView(decoder: unknown): boolean {
  return decoder === asBuffer
}
