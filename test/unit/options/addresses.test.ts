import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseConnectString } from '#src/options/addresses.js'

describe('parseConnectString', () => {
  it('splits servers and chroot', () => {
    assert.deepEqual(parseConnectString('a:1,b:2/kafka/x'), {
      servers: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      chroot: '/kafka/x',
      faults: [],
    })
  })

  it('gathers every fault', () => {
    const { faults } = parseConnectString('a,,b:2/x/')
    assert.equal(faults.length, 3)
    assert.match(faults.join('\n'), /"a" has no port\)\n.*an empty entry has no port\)\n.*trailing/)
  })
})
