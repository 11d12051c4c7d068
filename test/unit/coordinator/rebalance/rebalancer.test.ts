import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GroupDecision } from '#src/coordinator/rebalance/group-look.js'
import { Rebalancer } from '#src/coordinator/rebalance/rebalancer.js'
import { deferred } from '#src/shared/deferred.js'
import { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'

const QUICKLY = { intervalMs: 1 }
const T0 = { topic: 't', partition: 0 }
const ACT: GroupDecision = {
  type: 'act',
  assignBy: 'balanced',
  troubles: [],
  wanted: [T0],
  isProvisional: false,
}
const WRITE: GroupDecision = { ...ACT, type: 'write', plan: Buffer.from('p'), version: 3, waitMs: 0 }

/** A rebalancer whose decisions are the test's. */
function create(t: TestContext, decisions: (() => Promise<GroupDecision>)[]) {
  const seen = { looks: 0, written: [] as string[], wanted: [] as number[], told: [] as string[] }
  const answers = { write: true }
  const rebalancer = new Rebalancer({
    decide: () => (decisions[seen.looks++] ?? (() => Promise.resolve(ACT)))(),
    write: async (plan, version) => {
      seen.written.push(`${plan.toString()} over ${version}`)
      return answers.write
    },
    retarget: wanted => seen.wanted.push(wanted.length),
    report: error => seen.told.push(error.code),
    logger: silentLogger,
  })
  atEnd(t, () => rebalancer.stop())
  return { rebalancer, seen, answers }
}

const decided = (decision: GroupDecision) => () => Promise.resolve(decision)

describe('the rebalancer', () => {
  it('acts on what was decided, once for all triggers that come together', async t => {
    const { rebalancer, seen } = create(t, [])
    await Promise.all([rebalancer.trigger(), rebalancer.trigger(), rebalancer.trigger()])
    assert.deepEqual([seen.looks, seen.wanted], [1, [1]])
  })

  it('gathers changes of members for a moment, but looks at once when there is a plan', async t => {
    const { rebalancer, seen } = create(t, [])
    const round = rebalancer.trigger()
    const looksWhileGathering = seen.looks
    void rebalancer.trigger('plan')
    await nextTurn()
    assert.deepEqual([looksWhileGathering, seen.looks], [0, 1])
    await round
    assert.deepEqual([seen.looks, seen.wanted], [1, [1]])
  })

  it('looks again by itself after what was decided without the brokers, until they have answered', async t => {
    const provisional = decided({ ...ACT, isProvisional: true })
    const { rebalancer, seen } = create(t, [provisional, provisional])
    await rebalancer.trigger()
    assert.deepEqual(seen.wanted, [1])
    await eventually(() => seen.looks === 3, QUICKLY)
    await rebalancer.stop()
    assert.deepEqual([seen.looks, seen.wanted], [3, [1, 1, 1]])
  })

  it('looks again when something changes while it looks', async t => {
    const looked = deferred<GroupDecision>()
    const { rebalancer, seen } = create(t, [() => looked.promise])
    const first = rebalancer.trigger()
    await eventually(() => seen.looks === 1, QUICKLY)
    const second = rebalancer.trigger()
    looked.resolve({ ...ACT, wanted: [] })
    await Promise.all([first, second])
    assert.deepEqual([seen.looks, seen.wanted], [2, [0, 1]])
  })

  it('acts on its own plan only once that is stored, and reads the one of somebody who was faster', async t => {
    const { rebalancer, seen, answers } = create(t, [decided(WRITE), decided({ ...ACT, wanted: [] })])
    answers.write = false
    await rebalancer.trigger()
    assert.deepEqual([seen.written, seen.wanted], [['p over 3'], [0]])
    const { rebalancer: lucky, seen: seenToo } = create(t, [decided(WRITE)])
    await lucky.trigger()
    assert.deepEqual([seenToo.written, seenToo.wanted], [['p over 3'], [1]])
  })

  it('does not write when another member has written while it let that one go first', async t => {
    const { rebalancer, seen } = create(t, [decided({ ...WRITE, waitMs: 60_000 })])
    const first = rebalancer.trigger()
    await eventually(() => seen.looks === 1, QUICKLY)
    await rebalancer.trigger()
    await first
    assert.deepEqual([seen.written, seen.wanted], [[], [1]])
  })

  it('does not replace the plans of another member as fast as that one replaces its own', async t => {
    const { rebalancer, seen } = create(t, Array<() => Promise<GroupDecision>>(100).fill(decided(WRITE)))
    await rebalancer.trigger()
    await rebalancer.trigger('plan')
    const [fromMs, written] = [performance.now(), seen.written.length]
    await rebalancer.trigger('plan')
    assert.ok(performance.now() - fromMs > 20)
    assert.deepEqual([written, seen.written.length], [2, 3])
    await rebalancer.trigger() // somebody came or went: that is no quarrel
    assert.equal(seen.written.length, 4)
  })

  it('tries again after a failure, and tells what will not pass, once', async t => {
    const broken = new GroupError('BROKER_REFUSED', 'topic t may not be seen')
    const away = new GroupError('ZOOKEEPER_DISCONNECTED', 'away')
    const { rebalancer, seen } = create(t, [
      () => Promise.reject(away),
      () => Promise.reject(broken),
      () => Promise.reject(broken),
    ])
    await rebalancer.trigger()
    assert.deepEqual([seen.looks, seen.told, seen.wanted], [4, ['BROKER_REFUSED'], [1]])
  })

  it('tells the troubles of the group, each once', async t => {
    const trouble = new GroupError('ID_NODE_UNREADABLE', '/consumers/g/ids/x is nothing that a member writes')
    const troubled = decided({ ...ACT, troubles: [trouble] })
    const { rebalancer, seen } = create(t, [troubled, troubled])
    await rebalancer.trigger()
    await rebalancer.trigger()
    assert.deepEqual(seen.told, ['ID_NODE_UNREADABLE'])
  })

  it('does nothing more once it is stopped, also with what it was just reading', async t => {
    const looked = deferred<GroupDecision>()
    const { rebalancer, seen } = create(t, [() => looked.promise])
    const round = rebalancer.trigger()
    await eventually(() => seen.looks === 1, QUICKLY)
    const stopped = rebalancer.stop()
    looked.resolve(WRITE)
    await Promise.all([round, stopped, rebalancer.stop(), rebalancer.trigger()])
    assert.deepEqual([seen.written, seen.wanted], [[], []])
  })
})
