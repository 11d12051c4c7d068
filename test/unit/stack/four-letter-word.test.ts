import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { ephemeralNodes, fourLetterWord } from '#src/stack/four-letter-word.js'
import { atEnd } from '../../support/cleanup.ts'

const DUMP = [
  'SessionTracker dump:',
  'ephemeral nodes dump:',
  'Sessions with Ephemerals (2):',
  '0x10000a1b2c30000:',
  '\t/controller',
  '\t/brokers/ids/0',
  '0x10000a1b2c30001:',
  '\t/brokers/ids/11',
  'Connections dump:',
  'Connections Sets (1)/(1):',
  '2 expire at Tue Nov 24 01:40:12 UTC 2026:',
  '\tip: /127.0.0.1:1 sessionId: 0x0',
].join('\n')

async function answering(t: TestContext, answer: string): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {}).on('data', () => socket.end(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => new Promise(resolve => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

describe('administration commands of ZooKeeper', () => {
  it('are answered by text', async t => {
    assert.equal(await fourLetterWord('127.0.0.1', await answering(t, 'imok'), 'ruok'), 'imok')
  })

  it('tell the ephemeral nodes of all sessions', async t => {
    const nodes = await ephemeralNodes('127.0.0.1', await answering(t, DUMP))
    assert.deepEqual(nodes, ['/controller', '/brokers/ids/0', '/brokers/ids/11'])
  })

  it('tell nothing when nobody answers, which is not the same as no nodes', async t => {
    assert.deepEqual(
      await ephemeralNodes('127.0.0.1', await answering(t, 'Sessions with Ephemerals (0):')),
      [],
    )
    assert.equal(await ephemeralNodes('127.0.0.1', await answering(t, '')), undefined)
    assert.equal(await ephemeralNodes('127.0.0.1', 1), undefined)
  })
})
