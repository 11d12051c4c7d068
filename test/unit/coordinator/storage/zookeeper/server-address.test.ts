import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isGroupError } from '#src/shared/errors.js'
import { parseServer } from '#src/coordinator/storage/zookeeper/server-address.js'

describe('server addresses', () => {
  it('are read with IPv4, names and IPv6, and with the default port', () => {
    assert.deepEqual(parseServer('zk1.example:2182'), { host: 'zk1.example', port: 2182 })
    assert.deepEqual(parseServer('10.0.0.1'), { host: '10.0.0.1', port: 2181 })
    assert.deepEqual(parseServer('[::1]:2183'), { host: '::1', port: 2183 })
    assert.deepEqual(parseServer('[fe80::1%eth0]'), { host: 'fe80::1%eth0', port: 2181 })
    assert.deepEqual(parseServer('2001:db8::7'), { host: '2001:db8::7', port: 2181 })
  })

  it('are refused by name when malformed', () => {
    for (const text of ['', ':2181', 'host:', 'host:0', 'host:70000', 'host:abc', 'a b:1', '[::1:2181'])
      assert.throws(
        () => parseServer(text),
        error => isGroupError(error, 'CONFIG_INVALID') && error.message.includes(JSON.stringify(text)),
        text,
      )
  })
})
