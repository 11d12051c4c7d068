import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { groupNodes } from '../../chaos/group-nodes.ts'
import type { Change } from '../../chaos/zookeeper-log.ts'

const OWNER = '/consumers/g/owners/t/3'
const OFFSET = '/consumers/g/offsets/t/3'

function change(zxid: bigint, what: object, sessionId = 'a'): Change {
  return { zxid, atMs: Number(zxid) * 10, sessionId, ...what } as Change
}

const claimed = (zxid: bigint, sessionId = 'a'): Change =>
  change(zxid, { type: 'create', path: OWNER, data: 'host-1-0', ephemeral: true }, sessionId)
const committed = (zxid: bigint, data: string): Change => change(zxid, { type: 'set', path: OFFSET, data })

describe('the nodes of a group in the log of ZooKeeper', () => {
  it('have a claim from its creation to its release, and every commit', () => {
    const deleted = change(7n, { type: 'delete', path: OWNER })
    const changes = [claimed(5n), committed(6n, '41'), committed(7n, '42'), deleted]
    const { claims, commits } = groupNodes(changes, 'g', 't')
    assert.deepEqual(claims, [
      {
        path: OWNER,
        partition: 3,
        epoch: 5n,
        sessionId: 'a',
        memberId: 'host-1',
        fromMs: 50,
        to: { atMs: 70, zxid: 7n, how: 'released' },
      },
    ])
    assert.deepEqual(
      commits.map(({ partition, offset, zxid }) => [partition, offset, zxid]),
      [
        [3, 41, 6n],
        [3, 42, 7n],
      ],
    )
  })

  it('tell a claim that went with its session from one that was removed without a commit', () => {
    const ended = change(6n, { type: 'close-session', byServer: true })
    const deleted = change(9n, { type: 'delete', path: OWNER }, 'b')
    const { claims } = groupNodes([claimed(5n), ended, claimed(8n, 'b'), deleted], 'g', 't')
    assert.deepEqual(
      claims.map(({ to }) => to?.how),
      ['session-end', 'removed'],
    )
  })

  it('leave out other sessions, topics and groups', () => {
    const others = [
      change(6n, { type: 'close-session', byServer: true }, 'b'),
      change(7n, { type: 'set', path: '/consumers/other/offsets/t/3', data: '1' }),
      change(8n, { type: 'set', path: '/consumers/g/offsets/t2/3', data: '1' }),
    ]
    const { claims, commits } = groupNodes([claimed(5n), ...others], 'g', 't')
    assert.deepEqual(
      claims.map(({ to }) => to),
      [null],
    )
    assert.deepEqual(commits, [])
  })
})
