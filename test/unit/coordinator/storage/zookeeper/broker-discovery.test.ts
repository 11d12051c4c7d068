import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isGroupError } from '#src/shared/errors.js'
import { brokerAddress } from '#src/coordinator/storage/zookeeper/broker-discovery.js'

const DIRECTORY = '/brokers/ids'

const version5 = JSON.stringify({
  features: {},
  listener_security_protocol_map: { INTERNAL: 'PLAINTEXT', EXTERNAL: 'SASL_SSL', V6: 'SSL' },
  endpoints: ['EXTERNAL://kafka.example:9094', 'INTERNAL://10.0.0.5:9092', 'V6://[2001:db8::5]:9093'],
  jmx_port: -1,
  port: -1,
  host: null,
  version: 5,
})

describe('broker discovery', () => {
  it('takes the listener with the protocol that is asked for, whatever its name', () => {
    assert.deepEqual(brokerAddress(5, version5, 'PLAINTEXT', DIRECTORY), {
      nodeId: 5,
      host: '10.0.0.5',
      port: 9092,
    })
    assert.deepEqual(brokerAddress(5, version5, 'SASL_SSL', DIRECTORY), {
      nodeId: 5,
      host: 'kafka.example',
      port: 9094,
    })
    assert.deepEqual(brokerAddress(5, version5, 'SSL', DIRECTORY), {
      nodeId: 5,
      host: '2001:db8::5',
      port: 9093,
    })
    assert.equal(brokerAddress(5, version5, 'SASL_PLAINTEXT', DIRECTORY), null)
  })

  it('takes listeners named after their protocol where the broker has no map', () => {
    const version3 =
      '{"version":3,"host":"old","port":9092,"endpoints":["SSL://old:9093","PLAINTEXT://old:9092"]}'
    assert.deepEqual(brokerAddress(1, version3, 'SSL', DIRECTORY), { nodeId: 1, host: 'old', port: 9093 })
  })

  it('takes host and port of brokers that know no listeners', () => {
    const version1 = '{"jmx_port":-1,"timestamp":"1","host":"older","version":1,"port":9092}'
    assert.deepEqual(brokerAddress(2, version1, 'PLAINTEXT', DIRECTORY), {
      nodeId: 2,
      host: 'older',
      port: 9092,
    })
    assert.equal(brokerAddress(2, version1, 'SSL', DIRECTORY), null)
  })

  it('names the node of a registration that cannot be read', () => {
    for (const text of ['', 'null', '[', '7'])
      assert.throws(
        () => brokerAddress(3, text, 'PLAINTEXT', DIRECTORY),
        error => isGroupError(error, 'BROKERS_NOT_FOUND') && error.message.includes('/brokers/ids/3'),
      )
  })
})
