import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import zookeeper from 'node-zookeeper-client'
import type { Op } from '#src/coordinator/storage/zookeeper/znode.js'
import {
  answerOf,
  MULTI,
  multiBytes,
  toLibraryOps,
  toMultiResult,
} from '#src/coordinator/storage/zookeeper/wire.js'

/** The library's own encoder, which has no types. */
interface Jute {
  readonly Request: new (header: object, payload: object) => { toBuffer(): Buffer }
  readonly TransactionRequest: new (ops: readonly object[]) => object
  readonly protocol: { readonly RequestHeader: new (xid: number, type: number) => object }
}

const jute = createRequire(import.meta.url)('node-zookeeper-client/lib/jute/index.js') as Jute
const OPEN_ACL = (zookeeper.ACL as unknown as { OPEN_ACL_UNSAFE: unknown }).OPEN_ACL_UNSAFE

/** How long the packet is that the library sends for the first `count` steps. */
function sentBytes(ops: readonly Op[], count: number): number {
  const header = new jute.protocol.RequestHeader(0, MULTI)
  const steps = new jute.TransactionRequest(toLibraryOps(ops.slice(0, count), OPEN_ACL))
  return new jute.Request(header, steps).toBuffer().length
}

describe('transactions on the wire', () => {
  it('keep version 0 as version 0', () => {
    const ops = toLibraryOps(
      [
        { type: 'check', path: '/a', version: 0 },
        { type: 'set', path: '/a', data: Buffer.from('x'), version: 0 },
        { type: 'remove', path: '/a', version: 0 },
      ],
      [],
    )
    assert.deepEqual(
      ops.map(op => (op as { version: number }).version),
      [0, 0, 0],
    )
  })

  it('are as long as is counted', () => {
    const data = Buffer.from('12')
    const ops: Op[] = [
      { type: 'check', path: '/a', version: 0 },
      { type: 'create', path: '/größer', data, ephemeral: true },
      { type: 'create', path: '/b', data: null, ephemeral: false },
      { type: 'set', path: '/b/c', data, version: -1 },
      { type: 'remove', path: '/a/long/path', version: 3 },
    ]
    for (const count of [0, 1, ops.length])
      assert.equal(multiBytes(ops.slice(0, count)), sentBytes(ops, count))
  })

  it('fail at the first step whose answer is an error', () => {
    const error = (err: number) => ({ type: -1, err })
    assert.deepEqual(toMultiResult([error(0), error(-103), error(-2)]), {
      committed: false,
      failedAt: 1,
      answer: 'BAD_VERSION',
    })
  })

  it('answer the new version of what was set', () => {
    assert.deepEqual(toMultiResult([{ type: 13 }, { type: 5, stat: { version: 7 } }, { type: 2 }]), {
      committed: true,
      versions: [null, 7, null],
    })
  })

  it('have a name for every code, also an unknown one', () => {
    assert.equal(answerOf(-101), 'NO_NODE')
    assert.equal(answerOf(-999), 'CODE_-999')
  })
})
