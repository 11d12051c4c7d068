import { GroupError } from '../../../shared/errors.ts'
import type { Offset } from '../../../shared/types.ts'
import type { WantedPartition } from '../../assignment/assignment.ts'
import type { MemberDescription } from '../group-storage.ts'

/** What Scala consumers and their tools store for "no offset". */
const NO_OFFSET = '-1'

/**
 * Data of `owners/<topic>/<partition>`: `<memberId>-<n>`, n one of the member's thread numbers. The classic tools
 * cut at the last '-' and fail for the whole group where there is none. Here threads share partitions and no single
 * one owns any: beside classic consumers the number is that of the thread that they count the partition to, else that
 * of the partition wrapped over the threads.
 */
export function encodeOwner(member: MemberDescription, of: WantedPartition): Buffer {
  const threads = Math.max(1, member.subscription[of.topic] ?? 1)
  return Buffer.from(`${member.memberId}-${of.ownerThread ?? of.partition % threads}`)
}

/** Data of `offsets/<topic>/<partition>`: the next offset to read, in decimal. */
export function encodeOffset(offset: Offset): Buffer {
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new GroupError('INTERNAL', `${offset} is not an offset that can be stored`, { details: { offset } })
  return Buffer.from(String(offset))
}

/** The stored offset; null where the node says that there is none. OFFSET_CORRUPT for anything but a decimal number. */
export function decodeOffset(data: Buffer, path: string): Offset | null {
  const text = data.toString('utf8')
  if (text === NO_OFFSET) return null
  const offset = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(offset)) return offset
  throw new GroupError(
    'OFFSET_CORRUPT',
    `the offset stored in ${path} is ${preview(text)}, not a decimal number up to ${Number.MAX_SAFE_INTEGER}; set the node right`,
    { details: { path, stored: preview(text) } },
  )
}

/** Node data of others, fit for a message: quoted, without control characters, cut where it is long. */
export function preview(text: string): string {
  const shown = 60
  return JSON.stringify(text.length > shown ? `${text.slice(0, shown)}…` : text)
}
