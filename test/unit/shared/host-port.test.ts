import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatHostPort, parseHostPort } from '#src/shared/host-port.js'

describe('parseHostPort', () => {
  it('takes names, IPv4 and bracketed IPv6 addresses', () => {
    assert.deepEqual(parseHostPort('zk_1.local:2181'), { host: 'zk_1.local', port: 2181 })
    assert.deepEqual(parseHostPort('10.0.0.1:1'), { host: '10.0.0.1', port: 1 })
    assert.deepEqual(parseHostPort('[2001:db8::1]:65535'), { host: '2001:db8::1', port: 65_535 })
  })

  const faults: [text: string, fault: RegExp][] = [
    ['', /an empty entry has no port/],
    ['host', /"host" has no port/],
    ['[::1]', /has no port/],
    [':2181', /has no host/],
    ['host:', /has no port from 1 to 65535/],
    ['host:0', /has no port from 1/],
    ['host:65536', /has no port from 1/],
    ['host:2181 ', /has no port from 1/],
    [' host:2181', /no legal host name/],
    ['::1:2181', /write an IPv6 address in brackets/],
    ['[::g]:2181', /write an IPv6 address in brackets/],
    ['user:secret@host:1', /"\*\*\*@host:1"/],
  ]
  for (const [text, fault] of faults) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      const result = parseHostPort(text)
      assert.ok(typeof result === 'string', 'it was accepted')
      assert.match(result, fault)
    })
  }

  it('reads back what formatHostPort writes', () => {
    const address = fc.record(
      { host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) },
      { noNullPrototype: true },
    )
    fc.assert(fc.property(address, given => assert.deepEqual(parseHostPort(formatHostPort(given)), given)))
  })

  it('never throws and never repeats what stands before an @', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        const result = parseHostPort(`hunter2${text}@x:1`)
        assert.ok(typeof result === 'string' && !result.includes('hunter2'))
      }),
    )
  })
})
