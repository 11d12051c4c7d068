import type { RecordReader } from '../decode/record-reader.ts'

export function keyHash({ bytes, keyStart, keyEnd }: RecordReader): number {
  if (keyEnd < 0) return 0
  let hash = 0x811c9dc5
  for (let at = keyStart; at < keyEnd; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return hash >>> 0
}

export function laneOf({ offset, keyEnd }: RecordReader, hash: number, lanes: number): number {
  return (keyEnd < 0 ? offset : hash) % lanes
}
