import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerOf, toLibraryOps, toMultiResult } from '#src/coordinator/storage/zookeeper/wire.js'

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
