import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Claims } from '#src/coordinator/storage/zookeeper/claims.js'
import { GroupNodes } from '#src/coordinator/storage/zookeeper/group-nodes.js'
import { Membership } from '#src/coordinator/storage/zookeeper/members.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openProbe, type StorageProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

/** Each is a member that joins and leaves again: two changes that the resident sees and answers. */
const WARM_UP = 100
const ROUNDS = 500
const MAX_GROWTH_BYTES = 3_000_000
/** What a member is made of while it is in the group; of the visitors the last visit may still be on its way out. */
const OF_A_VISIT = [Membership, Claims, GroupNodes]
const VISITORS = 4
const SECOND_TOPIC = 'not-read-by-the-resident'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapUsed(): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('a thousand membership changes', () => {
  it('leave the memory and the handles of a member as they were, and it still sees the next one', async t => {
    const topic = await createTopic(t, { partitions: 4 })
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const zookeeper = { servers: sharedStack().zookeeper, sessionTimeoutMs: 10_000 }
    const member = { groupId, topics: [topic], zookeeper, threads: 1 }
    const resident = await runMember(t, ledger.handler(), member)
    const visitors = await Promise.all(
      Array.from({ length: VISITORS }, () => openProbe(t, { groupId, subscription: { [SECOND_TOPIC]: 1 } })),
    )
    const comeAndGo = async (visitor: StorageProbe, times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        await visitor.join()
        await visitor.storage.leave()
      }
    }
    const round = (times: number): Promise<unknown> =>
      Promise.all(visitors.map(visitor => comeAndGo(visitor, times / visitors.length)))

    await round(WARM_UP)
    const before = { bytes: heapUsed(), handles: process.getActiveResourcesInfo().length }
    const startMs = performance.now()
    await round(ROUNDS)
    const tookMs = performance.now() - startMs
    const growth = heapUsed() - before.bytes
    const handles = process.getActiveResourcesInfo().length - before.handles
    t.diagnostic(
      `${2 * ROUNDS} changes in ${(tookMs / 1000).toFixed(1)} s: heap ${(growth / 1e6).toFixed(2)} MB more, handles ${handles} more`,
    )
    assert.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes`)
    assert.ok(handles <= 2, `${handles} handles`) // a timer of a round that is under way

    for (const part of OF_A_VISIT) {
      const left = queryObjects(part, { format: 'count' })
      assert.ok(left <= 2 * (VISITORS + 1), `${left} ${part.name}`)
    }

    const view = await openZooKeeper(t)
    await eventually(async () => (await view.list(`/consumers/${groupId}/ids`)).length === 1)
    const other = await runMember(t, ledger.handler(), member)
    await eventually(() => running(resident).length === 2 && running(other).length === 2, {
      message: 'the next join is seen',
    })
    await produceKeyed(topic, 100)
    await eventually(() => ledger.count === 100)
  })
})
