import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group, RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, firstKeyOutOfOrder, Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

/** `KWG_RECORDS=1000000 npm test -- key-order-holds` has a million. */
const RECORDS = Number(process.env['KWG_RECORDS'] ?? 60_000)
const DEADLINE_MS = 60_000 + RECORDS
const KEYS = 500
const PARTITIONS = 3
/** Of all records, when the next change of members or settings comes. */
const STEP = 0.12

function* records(): Generator<{ partition: number; key: string; value: string }> {
  for (let number = 0; number < RECORDS; number += 1) {
    const key = (number * 7919) % KEYS
    yield { partition: key % PARTITIONS, key: `key-${key}`, value: `value ${number}` }
  }
}

class Crew {
  readonly ledger: Ledger
  readonly #t: TestContext
  readonly #options: RunGroupOptions
  readonly #members: Group[] = []
  #handledBefore = 0

  constructor(t: TestContext, options: RunGroupOptions) {
    this.#t = t
    this.#options = options
    this.ledger = new Ledger(t)
  }

  get handled(): number {
    return this.#members.reduce((sum, member) => sum + member.status().handled, this.#handledBefore)
  }

  async join(settings: Partial<RunGroupOptions>): Promise<void> {
    this.#members.push(await runMember(this.#t, this.ledger.handler(), { ...this.#options, ...settings }))
  }

  /** In good order: whoever goes on repeats nothing. */
  async leave(): Promise<void> {
    const member = this.#members.shift()!
    await member.stop()
    this.#handledBefore += member.status().handled
  }

  async reach(count: number): Promise<void> {
    await eventually(() => this.handled >= count, {
      deadlineMs: DEADLINE_MS,
      message: () =>
        `handled ${this.handled} of ${count}; ${JSON.stringify(this.#members.map(m => m.status().partitions.map(p => [p.partition, p.state, p.waitsFor, String(p.committable)])))}`,
    })
  }
}

describe('key order and exactly-once handling', () => {
  it('hold across clean stops, rebalances, lanes that change threads and level points', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    const crew = new Crew(t, {
      groupId,
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
      commit: { intervalMs: 300 },
    })
    await produce(topic, records())
    const settings: Partial<RunGroupOptions>[] = [
      { ordering: 'key' },
      { ordering: 'key', lanesPerPartition: 16 },
      { ordering: 'key', lanesPerPartition: 16 },
      { ordering: 'key' },
      { ordering: 'partition' },
      { ordering: 'key', lanesPerPartition: 5 },
    ]
    await crew.join(settings[0]!)
    for (const [number, next] of settings.slice(1).entries()) {
      await crew.reach(RECORDS * STEP * (number + 1))
      await crew.join(next)
      await crew.reach(RECORDS * STEP * (number + 1.5))
      await crew.leave()
    }
    await crew.reach(RECORDS)
    await crew.leave()
    const entries = crew.ledger.read()
    assert.equal(entries.length, RECORDS)
    assert.equal(countByRecord(entries).size, RECORDS)
    assert.equal(firstKeyOutOfOrder(entries), null)
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })
})
