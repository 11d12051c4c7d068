import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Committer,
  type CommittablePartition,
  type CommitterHost,
} from '#src/coordinator/partitions/committer.js'
import { GroupError, isGroupError, type ErrorCode } from '#src/shared/errors.js'

function partition(number: number, commit: () => Promise<number | null>): CommittablePartition {
  return { topic: 't', partition: number, commit }
}

function host(
  partitions: CommittablePartition[],
  mayCommit = () => true,
): CommitterHost & { committedOffsets: number[][]; failures: GroupError[] } {
  const committedOffsets: number[][] = []
  const failures: GroupError[] = []
  return {
    committedOffsets,
    failures,
    partitions: () => partitions,
    mayCommit,
    committed: offsets => void committedOffsets.push(offsets.map(one => one.offset)),
    commitFailed: error => void failures.push(error),
  }
}

describe('committer', () => {
  it('commits all partitions together and tells only of those that changed', async () => {
    const parts = host([
      partition(0, async () => 5),
      partition(1, async () => null),
      partition(2, async () => 9),
    ])
    await new Committer(1000, parts).commitAll()
    assert.deepEqual(parts.committedOffsets, [[5, 9]])
  })

  it('tries every partition before it rejects with the first failure', async () => {
    const lost = new GroupError('CLAIM_LOST', 'gone')
    const parts = host([partition(0, () => Promise.reject(lost)), partition(1, async () => 3)])
    await assert.rejects(new Committer(1000, parts).commitAll(), lost)
    assert.deepEqual(parts.committedOffsets, [[3]])
  })

  it('commits nothing while claims are not certain, and says so to who asks', async () => {
    const parts = host([partition(0, async () => assert.fail('it must not be asked'))], () => false)
    await assert.rejects(new Committer(1000, parts).commitAll(), error => isGroupError(error, 'LEASE_OVER'))
  })

  it('commits on its interval, reports failures and goes on', async () => {
    let calls = 0
    let again: () => void = () => {}
    const calledTwice = new Promise<void>(resolve => {
      again = resolve
    })
    const parts = host([
      partition(0, async () => {
        calls += 1
        if (calls === 1) throw new Error('hiccup')
        again()
        return calls
      }),
    ])
    const committer = new Committer(1, parts)
    committer.start()
    await calledTwice
    await committer.stop()
    await committer.stop()
    assert.match(parts.failures[0]?.message ?? '', /commit of t\/0 failed: hiccup/)
    assert.deepEqual(parts.committedOffsets[0], [2])
  })

  it('tells once a round what befell the whole session, and of each partition what befell it alone', async () => {
    let rounds = 0
    let again: () => void = () => {}
    const calledAgain = new Promise<void>(resolve => (again = resolve))
    const failing = (number: number, code: ErrorCode): CommittablePartition =>
      partition(number, async () => {
        if (number === 0 && ++rounds === 2) again()
        if (rounds > 1) return null
        throw new GroupError(code, `no commit of ${number}`)
      })
    const parts = host([
      failing(0, 'ZOOKEEPER_DISCONNECTED'),
      failing(1, 'ZOOKEEPER_DISCONNECTED'),
      failing(2, 'CLAIM_LOST'),
      failing(3, 'CLAIM_LOST'),
    ])
    const committer = new Committer(1, parts)
    committer.start()
    await calledAgain
    await committer.stop()
    assert.deepEqual(
      parts.failures.map(({ code }) => code),
      ['ZOOKEEPER_DISCONNECTED', 'CLAIM_LOST', 'CLAIM_LOST'],
    )
  })

  it('waits for a round in flight when it stops', async () => {
    let end: () => void = () => {}
    let started: () => void = () => {}
    const starting = new Promise<void>(resolve => {
      started = resolve
    })
    const parts = host([
      partition(0, async () => {
        started()
        await new Promise<void>(resolve => {
          end = resolve
        })
        return 1
      }),
    ])
    const committer = new Committer(1, parts)
    committer.start()
    await starting
    const stopped = committer.stop()
    assert.deepEqual(parts.committedOffsets, [])
    end()
    await stopped
    assert.deepEqual(parts.committedOffsets, [[1]])
  })
})
