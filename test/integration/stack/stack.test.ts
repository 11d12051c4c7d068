import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { isGroupError } from '#src/shared/errors.js'
import { exists } from '#src/stack/exists.js'
import { fourLetterWord } from '#src/stack/four-letter-word.js'
import { processIdentity } from '#src/stack/process-identity.js'
import { startStack, type RunningStack } from '#src/stack/start-stack.js'
import { eventually } from '../../support/eventually.ts'
import { createTopic, endOffsets, produce, withAdmin } from '../../support/kafka.ts'
import { failOnLeaks } from '../../support/leaks.ts'
import { privateStack } from '../../support/stack.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

failOnLeaks()

const READY_WITHIN_MS = 15_000

function zookeeperAnswer(stack: RunningStack): Promise<string> {
  return fourLetterWord('127.0.0.1', stack.zookeeperProcess.port, 'ruok')
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

describe('a stack', () => {
  it('is ready in under 15 s on free ports, and leaves nothing when it stops', async () => {
    const startedMs = performance.now()
    const stack = await startStack()
    const tookMs = performance.now() - startedMs
    const servers = [stack.zookeeperProcess, stack.brokerProcess(0)]
    try {
      assert.ok(tookMs < READY_WITHIN_MS, `ready after ${tookMs} ms`)
      assert.equal(await zookeeperAnswer(stack), 'imok')
      await withAdmin(stack.brokers, admin => admin.listTopics())
      assert.throws(() => stack.brokerProcess(1), /there is no broker 1/)
    } finally {
      const pids = servers.map(server => server.pid!)
      await Promise.all([stack.stop(), stack.stop()])
      for (const pid of pids) assert.equal(await processIdentity(pid), undefined)
    }
    for (const { port } of servers) assert.equal(await accepts(port), false)
    assert.equal(await exists(stack.directory), false)
  })

  it('of three brokers replicates, and one of them stops and starts on its port and data', async t => {
    const stack = await privateStack(t, { brokers: 3 })
    const { brokers } = stack
    const topic = await createTopic(t, { brokers, partitions: 3, replicationFactor: 3 })
    const messages = [0, 1, 2].map(partition => ({ partition, value: 'before' }))
    await produce(topic, messages, { brokers })
    const broker = stack.brokerProcess(1)
    await broker.stop()
    assert.equal(broker.state, 'stopped')
    await produce(topic, messages, { brokers })
    await broker.start()
    assert.equal(broker.state, 'running')
    assert.deepEqual(await endOffsets(topic, [brokers[1]!]), [2, 2, 2])
  })

  it('takes a broker back that was killed, with what it had', async t => {
    const stack = await privateStack(t)
    const { brokers } = stack
    const topic = await createTopic(t, { brokers })
    await produce(topic, [{ value: 'kept' }], { brokers })
    const broker = stack.brokerProcess(0)
    const pid = broker.pid
    await broker.kill()
    assert.equal(broker.pid, undefined)
    await broker.start()
    assert.notEqual(broker.pid, pid)
    assert.deepEqual(await endOffsets(topic, brokers), [1])
  })

  it('freezes and thaws servers without ending them, and stops and kills frozen ones', async t => {
    const stack = await privateStack(t)
    const zookeeper = stack.zookeeperProcess
    const pid = zookeeper.pid
    await zookeeper.freeze()
    assert.equal(zookeeper.state, 'frozen')
    assert.equal(await zookeeperAnswer(stack), '')
    await zookeeper.thaw()
    assert.equal(await zookeeperAnswer(stack), 'imok')
    assert.equal(zookeeper.pid, pid)
    await stack.brokerProcess(0).freeze()
    await stack.brokerProcess(0).kill()
    await zookeeper.freeze()
    assert.equal(await zookeeper.stop(), 'ended')
    assert.equal(zookeeper.state, 'stopped')
    await zookeeper.start()
    assert.equal(await zookeeperAnswer(stack), 'imok')
  })

  it('notices that a server has ended by itself', async t => {
    const stack = await privateStack(t)
    process.kill(stack.brokerProcess(0).pid!, 'SIGKILL')
    await eventually(() => stack.brokerProcess(0).state === 'stopped')
  })

  it('keeps a directory that it was given, and goes on with it', async t => {
    const directory = temporaryDirectory(t)
    const first = await privateStack(t, { directory })
    const topic = await createTopic(t, { brokers: first.brokers })
    await produce(topic, [{ value: 'kept' }], { brokers: first.brokers })
    await first.stop()
    const second = await privateStack(t, { directory })
    assert.equal(second.directory, directory)
    assert.deepEqual(await endOffsets(topic, second.brokers), [1])
  })

  it('allows sessions of two ticks, and takes other settings', async t => {
    const stack = await privateStack(t, {
      tickTimeMs: 300,
      zookeeperSettings: { maxClientCnxns: '7' },
      brokerSettings: { 'auto.create.topics.enable': 'true' },
    })
    const conf = await fourLetterWord('127.0.0.1', stack.zookeeperProcess.port, 'conf')
    assert.match(conf, /tickTime=300\n/)
    assert.match(conf, /minSessionTimeout=600\n/)
    assert.match(conf, /maxClientCnxns=7\n/)
    await produce('made-on-the-way', [{ value: 'x' }], { brokers: stack.brokers })
  })

  it('refuses other counts of ports than of brokers', async () => {
    await assert.rejects(startStack({ brokers: 2, brokerPorts: [19_999] }), error => {
      assert.ok(isGroupError(error, 'STACK_FAILED'))
      assert.match(error.message, /2 brokers need 2 ports, and 1 were given/)
      return true
    })
  })
})
