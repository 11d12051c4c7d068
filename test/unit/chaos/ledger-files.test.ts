import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLedger } from '../../chaos/ledger-files.ts'

const of = { process: 'a', threadId: 0 }

describe('the ledger of one thread', () => {
  it('has records with their ends, and none for what was in hand when the process died', () => {
    const { handled, lines } = parseLedger('s 3 7 12 100 k7\ns 4 1 13 101 k1\ne 3 7 12 105\n', of)
    assert.deepEqual(
      handled.map(({ partition, offset, epoch, startMs, endMs, key }) => [
        partition,
        offset,
        epoch,
        startMs,
        endMs,
        key,
      ]),
      [
        [3, 7, 12n, 100, 105, 'k7'],
        [4, 1, 13n, 101, null, 'k1'],
      ],
    )
    assert.deepEqual(
      lines.map(({ what, offset }) => `${what} ${offset}`),
      ['start 7', 'start 1', 'end 7'],
    )
  })

  it('does without a last line that was torn', () => {
    assert.equal(parseLedger('s 3 7 12 100 k7\ne 3 7 12 1', of).handled[0]!.endMs, null)
    assert.equal(parseLedger('s 3 7 12 1', of).handled.length, 0)
  })

  it('refuses an end that nothing began', () => {
    assert.throws(() => parseLedger('e 3 7 12 105\n', of), /an end without a start/)
  })
})
