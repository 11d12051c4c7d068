import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failureLine, formatTable } from '#src/cli/output.js'
import { GroupError } from '#src/shared/errors.js'

describe('formatTable', () => {
  it('aligns names to the left and numbers to the right', () => {
    const rows = [
      ['uploads', '0', '12', 'm-1'],
      ['up', '10', '-', ''],
    ]
    assert.equal(
      formatTable(['topic', 'partition', 'lag', 'owner'], rows),
      ['topic    partition  lag  owner', 'uploads          0   12  m-1', 'up              10    -'].join(
        '\n',
      ),
    )
  })
})

describe('failureLine', () => {
  it('is one line with the code, the message and causes that say more', () => {
    const cause = new Error('connect ECONNREFUSED')
    const error = new GroupError('ZOOKEEPER_UNREACHABLE', 'no server answered\n  within 10 s', { cause })
    assert.equal(
      failureLine(error),
      'kwg: ZOOKEEPER_UNREACHABLE: no server answered within 10 s: connect ECONNREFUSED',
    )
  })

  it('does not repeat a cause that the message holds', () => {
    const error = new Error('cannot open: no such file', { cause: new Error('no such file') })
    assert.equal(failureLine(error), 'kwg: cannot open: no such file')
  })

  it('ends although errors are the cause of each other', () => {
    const first = new Error('first')
    first.cause = new Error('second', { cause: first })
    assert.match(failureLine(first), /^kwg: first: second/)
  })
})
