import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StartOffset } from '#src/coordinator/storage/group-storage.js'
import { ZooKeeperGroupStorage } from '#src/coordinator/storage/zookeeper/zookeeper-group-storage.js'
import { silentLogger } from '#src/shared/logger.js'
import { endSession } from '../support/end-session.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

const PARTITIONS = 6
const RECORDS = 60

/** Its session is ended by the server at the very moment at which start offsets are to be pinned for the first time. */
class UnluckyStorage extends ZooKeeperGroupStorage {
  pins = 0
  readonly #endItsSession: () => Promise<void>

  constructor(endItsSession: () => Promise<void>) {
    const { zookeeper } = sharedStack()
    super({
      servers: [zookeeper],
      chroot: '',
      sessionTimeoutMs: 3_000,
      connectTimeoutMs: 5_000,
      logger: silentLogger,
    })
    this.#endItsSession = endItsSession
  }

  override async pinStartOffsets(offsets: readonly StartOffset[]): Promise<void> {
    this.pins += 1
    if (this.pins === 1) await this.#endItsSession()
    await super.pinStartOffsets(offsets)
  }
}

failOnLeaks()

describe('a session that ends while its member joins', () => {
  it('makes it join afresh: every start is pinned before anything is claimed, so none turns from latest into earliest', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const messages = Array.from({ length: RECORDS }, (_, n) => ({ partition: n % PARTITIONS, value: 'old' }))
    await produce(topic, messages)
    const ledger = new Ledger(t)
    const zookeeper = await openZooKeeper(t)
    const groupId = uniqueGroup()
    const storage = new UnluckyStorage(async () => {
      const id = await zookeeper.read(`/consumers/${groupId}/ids/m`)
      await endSession(sharedStack().zookeeper, BigInt.asIntN(64, BigInt(`0x${id?.ephemeralOwner}`)))
    })
    const member = await runMember(t, ledger.handler(), {
      groupId,
      memberId: 'm',
      topics: [topic],
      storage,
      kafka: { brokers: [...sharedStack().brokers] },
      offsetReset: 'latest',
    })
    assert.equal(member.status().partitions.length, PARTITIONS)
    assert.equal(storage.pins, 2)
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
    await member.stop()
    assert.equal(ledger.count, 0)
  })
})
