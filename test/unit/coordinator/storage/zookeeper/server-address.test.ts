import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseServer } from '#src/coordinator/storage/zookeeper/server-address.js'
import { thrown } from '../../../../support/group-error.ts'

describe('server addresses', () => {
  it('are read with names, IPv4 and IPv6', () => {
    assert.deepEqual(parseServer('zk1.example:2182'), { host: 'zk1.example', port: 2182 })
    assert.deepEqual(parseServer('[fe80::1%eth0]:2183'), { host: 'fe80::1%eth0', port: 2183 })
  })

  it('are refused by name when malformed, without what may be a password', () => {
    for (const text of [
      'host',
      ':2181',
      'host:',
      'host:0',
      'host:70000',
      'a b:1',
      '[::1:2181',
      '2001:db8::7',
    ])
      assert.ok(
        thrown(() => parseServer(text), 'CONFIG_INVALID').message.includes(JSON.stringify(text)),
        text,
      )
    const { message, details } = thrown(() => parseServer('user:secret@host:1'), 'CONFIG_INVALID')
    assert.ok(!JSON.stringify([message, details]).includes('secret'))
  })
})
