import assert from 'node:assert/strict'
import os from 'node:os'
import { describe, it } from 'node:test'
import type { GroupStorage } from '#src/coordinator/storage/group-storage.js'
import {
  resolveConnectionOptions,
  resolveOffsetResetOptions,
  resolveOptions,
  type OffsetResetOptions,
} from '#src/options/resolve.js'
import type { RunGroupOptions } from '#src/options/types.js'
import { silentLogger } from '#src/shared/logger.js'
import { optionProblems } from '../../support/option-problems.js'

const least: RunGroupOptions = { groupId: 'thumbnails', topics: ['uploads'], zookeeper: '127.0.0.1:2181' }

describe('resolveOptions', () => {
  it('fills in every default', () => {
    const { memberId, logger, ...rest } = resolveOptions(least)
    assert.deepEqual(rest, {
      groupId: 'thumbnails',
      topics: ['uploads'],
      zookeeper: {
        servers: ['127.0.0.1:2181'],
        chroot: '',
        sessionTimeoutMs: 6_000,
        connectTimeoutMs: 10_000,
      },
      storage: null,
      kafka: {
        brokers: null,
        metadataMaxAgeMs: 30_000,
        connection: {
          clientId: 'kafka-worker-group',
          ssl: null,
          sasl: null,
          connectionTimeoutMs: 10_000,
          requestTimeoutMs: 30_000,
        },
      },
      threads: os.availableParallelism(),
      ordering: 'partition',
      lanesPerPartition: 64,
      ringBytesPerPartition: 16_777_216,
      offsetReset: 'latest',
      missingTopics: 'fail',
      commit: { intervalMs: 10_000, auto: true },
      claim: { retries: 5, retryIntervalMs: 3_000 },
      fetch: {
        maxBytesPerPartition: 1_048_576,
        maxWaitMs: 500,
        minBytes: 1,
        maxBufferedBytes: 67_108_864,
        maxBatchBytes: 67_108_864,
        isolation: 'read_committed',
      },
      retry: { attempts: 3, backoffMs: 500, maxBackoffMs: 30_000, jitter: 0.5 },
      onFailure: 'stop',
      failGroup: false,
      deadLetter: null,
      handlerTimeoutMs: null,
      concurrency: 1,
      batchSize: 1,
      batchWaitMs: 0,
      threadMemoryMb: null,
      errorBufferSize: 1_024,
      stopTimeoutMs: 30_000,
    })
    assert.match(memberId, /-\d{13}-[A-Z]{8}$/)
    assert.ok(memberId.startsWith(`${os.hostname()}-`))
    assert.equal(typeof logger.info, 'function')
  })

  it('takes an explicit undefined as not given, at every depth', () => {
    const plain = resolveOptions({ ...least, memberId: 'm', logger: silentLogger })
    const withUndefined = resolveOptions({
      ...least,
      memberId: 'm',
      logger: silentLogger,
      storage: undefined,
      threads: undefined,
      commit: { intervalMs: undefined, auto: undefined },
      claim: undefined,
      fetch: { maxWaitMs: undefined },
      kafka: { brokers: undefined, ssl: undefined, sasl: undefined, clientId: undefined },
    })
    assert.deepEqual(withUndefined, plain)
  })

  it('keeps given values that look like nothing', () => {
    const resolved = resolveOptions({
      ...least,
      commit: { auto: false },
      claim: { retries: 0 },
      stopTimeoutMs: 0,
    })
    assert.deepEqual([resolved.commit.auto, resolved.claim.retries, resolved.stopTimeoutMs], [false, 0, 0])
  })

  it('parses servers with a chroot and IPv6 addresses', () => {
    const { zookeeper, kafka } = resolveOptions({
      ...least,
      zookeeper: 'zk-1:2181,[::1]:2182/kafka/prod',
      kafka: { brokers: ['[::1]:9092', 'broker:9093'] },
    })
    assert.deepEqual(zookeeper?.servers, ['zk-1:2181', '[::1]:2182'])
    assert.equal(zookeeper.chroot, '/kafka/prod')
    assert.deepEqual(kafka.brokers, [
      { host: '::1', port: 9092 },
      { host: 'broker', port: 9093 },
    ])
  })

  it('takes the chroot of the object form', () => {
    const { zookeeper } = resolveOptions({ ...least, zookeeper: { servers: 'h:1', chroot: '/a' } })
    assert.equal(zookeeper?.chroot, '/a')
  })

  it('freezes everything of its own and nothing of the caller', () => {
    const logger = { ...silentLogger }
    const storage = storageStub()
    const ca = [Buffer.from('PEM')]
    const { zookeeper: none, ...withoutZookeeper } = least
    assert.ok(none)
    const given = { ...withoutZookeeper, storage, logger, kafka: { ssl: { ca }, brokers: ['h:1'] } }
    const resolved = resolveOptions(given)
    const own = [resolved, resolved.topics, resolved.fetch, resolved.kafka, resolved.kafka.brokers?.[0]]
    assert.ok([...own, resolved.kafka.connection.ssl].every(Object.isFrozen))
    assert.ok(![logger, storage, ca, given, given.topics].some(Object.isFrozen))
    assert.equal(resolved.logger, logger)
    assert.equal(resolved.storage, storage)
  })

  it('makes TLS and SASL settings part of the connection', () => {
    const sasl = { mechanism: 'scram-sha-256', username: 'u', password: 'p' } as const
    const { connection } = resolveOptions({ ...least, kafka: { ssl: true, sasl } }).kafka
    assert.equal(connection.ssl, true)
    assert.deepEqual(connection.sasl, sasl)
    assert.equal(resolveOptions({ ...least, kafka: { ssl: false } }).kafka.connection.ssl, null)
  })

  it('reports every problem at once', () => {
    const given = {
      groupId: 'a/b',
      topics: ['ok', 'ok', '..'],
      zookeeper: 'localhost',
      threads: 0,
      fetch: { maxWait: 1, minBytes: '5' },
      parallelism: {},
    }
    const paths = optionProblems(given).map(problem => problem.path)
    const expected = [
      'fetch.maxWait',
      'fetch.minBytes',
      'groupId',
      'parallelism',
      'threads',
      'topics[1]',
      'topics[2]',
    ]
    assert.deepEqual(paths.sort(), [...expected, 'zookeeper'])
  })

  it('reports options whose properties throw, with the cause', () => {
    const cause = new Error('no')
    const given = {
      get groupId(): string {
        throw cause
      },
    }
    assert.throws(() => resolveOptions(given as never), { code: 'CONFIG_INVALID', cause })
  })
})

describe('resolveConnectionOptions', () => {
  it('resolves what it takes to read a group', () => {
    const resolved = resolveConnectionOptions({ groupId: 'g', zookeeper: 'h:1/c' })
    assert.deepEqual(resolved.zookeeper.servers, ['h:1'])
    assert.equal(resolved.kafka.brokers, null)
  })

  it('needs a group and ZooKeeper', () => {
    assert.throws(
      () => resolveConnectionOptions({} as never),
      (error: Error) => {
        assert.match(error.message, /groupId: missing.*zookeeper: missing/)
        return true
      },
    )
  })
})

describe('resolveOffsetResetOptions', () => {
  const given: OffsetResetOptions = { groupId: 'g', zookeeper: 'h:1', topic: 't', to: 'earliest' }

  it('means all partitions unless some are named, each once', () => {
    const { zookeeper, topic, to, partitions } = resolveOffsetResetOptions(given)
    assert.deepEqual([zookeeper.servers, topic, to, partitions], [['h:1'], 't', 'earliest', null])
    assert.deepEqual(resolveOffsetResetOptions({ ...given, partitions: [2, 0, 2] }).partitions, [2, 0])
  })

  it('reports everything that is wrong at once', () => {
    const wrong = { topic: 'no topic', to: '2026-01-31T12:00:00', partitions: [-1], when: 1 }
    assert.throws(
      () => resolveOffsetResetOptions(wrong as never),
      (error: Error) => {
        const parts = [
          'groupId: missing',
          'topic: got "no topic"',
          'to: got "2026-01-31T12:00:00"',
          'its zone',
        ]
        for (const part of [...parts, 'partitions[0]: got -1', 'when: unknown option'])
          assert.ok(error.message.includes(part), `${part} in ${error.message}`)
        return true
      },
    )
  })
})

function storageStub(): GroupStorage {
  const refuse = (): never => {
    throw new Error('not for calling')
  }
  return {
    sessionState: 'unconnected',
    sessionTimeoutMs: 0,
    open: refuse,
    listBrokers: refuse,
    readOffsets: refuse,
    readOffsetsOf: refuse,
    readStored: refuse,
    join: refuse,
    pinStartOffsets: refuse,
    claim: refuse,
    commit: refuse,
    release: refuse,
    leave: refuse,
    close: refuse,
    abandon: refuse,
    readMembers: refuse,
    readTopics: refuse,
    readPlan: refuse,
    readOwners: refuse,
    readHolder: refuse,
    writePlan: refuse,
  }
}
