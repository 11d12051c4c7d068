import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TopicDescription } from '#src/coordinator/kafka/cluster.js'
import type { StoredTopic } from '#src/coordinator/storage/group-storage.js'
import { TopicWatch, type TopicChange } from '#src/coordinator/topics/topic-watch.js'
import { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'

const MAX_AGE_MS = 30_000

function described(topic: string, topicId: string | null, partitions: number): TopicDescription {
  const led = Array.from({ length: partitions }, (_, partition) => ({ partition, leader: 0, errorCode: 0 }))
  return { topic, exists: partitions > 0, refusal: null, topicId, partitions: led }
}

const ORDERS = described('orders', 'first', 2)
const MISSING = described('later', null, 0)

class Rig {
  topics: TopicDescription[]
  stored: StoredTopic[] | null | Error = null
  readonly changes: string[] = []
  readonly reports: unknown[] = []
  looks = 0
  unchanged = 0
  change: () => Promise<void> = () => Promise.resolve()
  /** Called at each question to the brokers. */
  asked: () => void = () => {}
  readonly watch: TopicWatch

  constructor(t: TestContext, ...topics: TopicDescription[]) {
    this.topics = topics
    this.watch = new TopicWatch({
      topics: topics.map(({ topic }) => topic),
      maxAgeMs: MAX_AGE_MS,
      storage: {
        readTopics: async () => {
          if (this.stored instanceof Error) throw this.stored
          return this.stored
        },
      },
      cluster: {
        describeTopics: async () => {
          this.looks += 1
          this.asked()
          return [...this.topics]
        },
      },
      changed: async ({ grown, fresh }: TopicChange) => {
        await this.change()
        this.changes.push(`${grown.map(({ topic }) => topic).join()} fresh ${fresh.join()}`)
      },
      unchanged: () => (this.unchanged += 1),
      report: error => this.reports.push(error),
      logger: silentLogger,
    })
    atEnd(t, () => this.watch.stop())
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
}

describe('watching topics', () => {
  it('looks when it starts, and then when what was seen may not stand any longer', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const rig = new Rig(t, ORDERS)
    rig.watch.start([ORDERS])
    await turns()
    assert.equal(rig.looks, 1)
    t.mock.timers.tick(MAX_AGE_MS - 1)
    await turns()
    assert.equal(rig.looks, 1)
    t.mock.timers.tick(1)
    await turns()
    assert.equal(rig.looks, 2)
    assert.deepEqual(rig.changes, [])
  })

  it('tells what has grown, what is fresh and that something has gone, once', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const rig = new Rig(t, ORDERS)
    rig.watch.start([ORDERS])
    for (const next of [
      described('orders', 'first', 3),
      described('orders', 'second', 3),
      described('orders', null, 0),
      described('orders', 'third', 1),
    ]) {
      rig.topics = [next]
      for (let look = 1; look <= 2; look += 1) {
        rig.watch.notice()
        await turns()
      }
    }
    assert.deepEqual(rig.changes, ['orders fresh ', 'orders fresh orders', ' fresh ', 'orders fresh orders'])
  })

  it('looks every second while a topic is missing', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const rig = new Rig(t, ORDERS, MISSING)
    rig.watch.start([ORDERS])
    await turns()
    rig.topics = [ORDERS, described('later', 'id', 1)]
    t.mock.timers.tick(1000)
    await turns()
    assert.deepEqual(rig.changes, ['later fresh later'])
    t.mock.timers.tick(1000)
    await turns()
    assert.equal(rig.looks, 2)
  })

  it('asks again until the brokers know what the storage told', async t => {
    const rig = new Rig(t, ORDERS)
    rig.stored = [{ topic: 'orders', partitions: 3, topicId: 'first' }]
    rig.asked = () => {
      if (rig.looks === 4) rig.topics = [described('orders', 'first', 3)]
    }
    rig.watch.start([ORDERS])
    await eventually(() => rig.changes.length === 1)
    assert.equal(rig.looks, 4)
    rig.topics = [ORDERS]
    rig.stored = [{ topic: 'orders', partitions: 2, topicId: 'second' }]
    rig.asked = () => {
      if (rig.looks === 7) rig.topics = [described('orders', 'second', 2)]
    }
    rig.watch.notice()
    await eventually(() => rig.changes.length === 2)
    assert.deepEqual(rig.changes, ['orders fresh ', 'orders fresh orders'])
  })

  it('reads anew what the storage says when that changes while the brokers are asked', async t => {
    const rig = new Rig(t, ORDERS)
    rig.stored = [{ topic: 'orders', partitions: 9, topicId: 'first' }]
    rig.watch.start([ORDERS])
    await eventually(() => rig.looks >= 2)
    rig.stored = [{ topic: 'orders', partitions: 2, topicId: 'first' }]
    rig.watch.notice()
    const { looks } = rig
    await eventually(() => rig.looks > looks)
    await turns()
    assert.ok(rig.looks <= looks + 2, 'it has agreed')
    assert.deepEqual(rig.changes, [])
  })

  it('goes by the brokers alone while the storage is away', async t => {
    const rig = new Rig(t, described('orders', 'first', 3))
    rig.stored = new GroupError('ZOOKEEPER_DISCONNECTED', 'away')
    rig.watch.start([ORDERS])
    await eventually(() => rig.changes.length === 1)
    assert.deepEqual(rig.reports, [])
  })

  it('tries a change that could not be acted on again, and takes it for seen only then', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const rig = new Rig(t, described('orders', 'first', 3))
    rig.change = () => Promise.reject(new GroupError('BROKER_DISCONNECTED', 'no leader'))
    rig.watch.start([ORDERS])
    await turns()
    rig.change = () => Promise.resolve()
    t.mock.timers.tick(1000)
    await turns()
    assert.deepEqual(rig.changes, ['orders fresh '])
    assert.deepEqual(rig.reports, [], 'it passes by itself')
  })

  it('tells once of a topic that may not be seen, and goes on with the others', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const refusal = new GroupError('BROKER_REFUSED', 'topic "secret" cannot be described')
    const secret = { ...described('secret', null, 0), refusal }
    const rig = new Rig(t, ORDERS, secret)
    rig.stored = [{ topic: 'secret', partitions: 4, topicId: 'known' }]
    rig.watch.start([])
    for (let look = 1; look <= 3; look += 1) {
      await turns()
      t.mock.timers.tick(1000)
    }
    assert.deepEqual(rig.reports, [refusal])
    assert.deepEqual(rig.changes, ['orders fresh orders'])
  })

  it('says from time to time that nothing has changed, however often it looks', async t => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
    let nowMs = 0
    t.mock.method(performance, 'now', () => nowMs)
    const rig = new Rig(t, ORDERS, MISSING)
    rig.watch.start([ORDERS])
    for (let look = 1; look <= 65; look += 1) {
      await turns()
      nowMs += 1000
      t.mock.timers.tick(1000)
    }
    assert.equal(rig.unchanged, 2)
  })

  it('ends with the look under way, and looks no more', async t => {
    const rig = new Rig(t, ORDERS)
    rig.stored = [{ topic: 'orders', partitions: 9, topicId: 'first' }]
    rig.watch.start([ORDERS])
    await eventually(() => rig.looks >= 1)
    await rig.watch.stop()
    const { looks } = rig
    rig.watch.notice()
    await turns()
    assert.equal(rig.looks, looks)
    assert.deepEqual(rig.changes, [])
  })
})
