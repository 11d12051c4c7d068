import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One change that ZooKeeper made, as its transaction log has it. A transaction of several has several, with one zxid. */
export type Change = {
  readonly zxid: bigint
  /** By the clock of the server. */
  readonly atMs: number
  readonly sessionId: string
} & (
  | { readonly type: 'create'; readonly path: string; readonly data: string; readonly ephemeral: boolean }
  | { readonly type: 'delete'; readonly path: string }
  | { readonly type: 'set'; readonly path: string; readonly data: string }
  /** `byServer`: it expired; else its client closed it. */
  | { readonly type: 'close-session'; readonly byServer: boolean }
)

const TYPE = {
  create: 1,
  delete: 2,
  set: 5,
  multi: 14,
  create2: 15,
  closeSession: -11,
} as const
const FILE_HEADER_BYTES = 16
const END_OF_ENTRY_BYTES = 1

/**
 * Everything that was changed, in order, from the log of a server whose directory this is. What a client reads by polling
 * can miss a value between two looks; the log cannot.
 */
export function readZooKeeperLog(dataDirectory: string): Change[] {
  const directory = join(dataDirectory, 'version-2')
  const byZxid = new Map<bigint, Change[]>()
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('log.')) continue
    for (const changes of entriesOf(readFileSync(join(directory, name)))) {
      if (changes[0] !== undefined) byZxid.set(changes[0].zxid, changes)
    }
  }
  const inOrder = [...byZxid.keys()].sort((a, b) => (a < b ? -1 : 1))
  return inOrder.flatMap(zxid => byZxid.get(zxid)!)
}

function* entriesOf(file: Buffer): Generator<Change[]> {
  let at = FILE_HEADER_BYTES
  while (at + 12 <= file.length) {
    const length = file.readInt32BE(at + 8) // behind the checksum
    if (length === 0) return // the file is longer than what was written to it
    const start = at + 12
    at = start + length + END_OF_ENTRY_BYTES
    if (at > file.length) return // the server was killed in the middle of it, so it told nobody
    yield changesOf(new Reader(file.subarray(start, start + length)))
  }
}

function changesOf(reader: Reader): Change[] {
  const sessionId = reader.int64().toString(16)
  const clientCall = reader.int32()
  const zxid = reader.int64()
  const head = { sessionId, zxid, atMs: Number(reader.int64()) }
  const type = reader.int32()
  if (type === TYPE.closeSession) return [{ ...head, type: 'close-session', byServer: clientCall === 0 }]
  const bodies = type === TYPE.multi ? partsOf(reader) : [{ type, reader }]
  return bodies.map(body => changeOf(head, body)).filter(change => change !== null)
}

interface Body {
  readonly type: number
  readonly reader: Reader
}

function partsOf(reader: Reader): Body[] {
  return Array.from({ length: reader.int32() }, () => ({
    type: reader.int32(),
    reader: new Reader(reader.bytes()),
  }))
}

/** Null for what changes no node: checks, errors, new sessions. */
function changeOf(head: Pick<Change, 'zxid' | 'atMs' | 'sessionId'>, { type, reader }: Body): Change | null {
  switch (type) {
    case TYPE.create:
    case TYPE.create2: {
      const path = reader.text()
      const data = reader.text()
      for (let left = reader.int32(); left > 0; left -= 1) {
        reader.int32() // an entry of the access list: permissions, scheme, id
        reader.text()
        reader.text()
      }
      return { ...head, type: 'create', path, data, ephemeral: reader.boolean() }
    }
    case TYPE.delete:
      return { ...head, type: 'delete', path: reader.text() }
    case TYPE.set:
      return { ...head, type: 'set', path: reader.text(), data: reader.text() }
    default:
      return null
  }
}

/** Jute, as ZooKeeper writes it: everything big-endian, texts and buffers after their length, -1 for none. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int32(): number {
    return this.#bytes.readInt32BE((this.#at += 4) - 4)
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE((this.#at += 8) - 8)
  }

  boolean(): boolean {
    return this.#bytes[(this.#at += 1) - 1] !== 0
  }

  bytes(): Buffer {
    const length = Math.max(0, this.int32())
    return this.#bytes.subarray(this.#at, (this.#at += length))
  }

  text(): string {
    return this.bytes().toString('utf8')
  }
}
