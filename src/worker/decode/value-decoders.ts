import { Unpackr } from 'msgpackr'
import type { DecodeOption, ValueDecoder } from '../../handler.ts'

/**
 * Maps become plain objects. Binary data is copied, or one small field of a value that somebody keeps would hold on to
 * everything that was fetched with it.
 */
const unpackr = new Unpackr({ useRecords: false, copyBuffers: true })

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
