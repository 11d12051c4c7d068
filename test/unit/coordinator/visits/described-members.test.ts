import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeMembers } from '#src/coordinator/visits/described-members.js'

function group(ids: Record<string, string>, owners: readonly string[] = []) {
  return {
    idsPath: '/consumers/g/ids',
    members: Object.entries(ids).map(([memberId, text]) => ({
      memberId,
      data: Buffer.from(text),
      czxid: 1n,
    })),
    topics: ['t'],
    owners: owners.map((owner, partition) => ({ topic: 't', partition, owner })),
    offsets: [],
  }
}

const announcement = (subscription: Record<string, number>, more: object = {}): string =>
  JSON.stringify({ version: 1, subscription, pattern: 'static', timestamp: '1', ...more })

const NOTHING = { threads: null, topics: null, pattern: null }

describe('the members of a group, as described', () => {
  it('are all there, by id, with what they announced, also those that own nothing', () => {
    const ids = {
      scala: announcement({ b: 1, a: 3 }),
      ours: announcement({ t: 4 }, { kwg: { version: 1 } }),
    }
    assert.deepEqual(describeMembers(group(ids, ['ours', 'ours'])), [
      { member: 'ours', kind: 'ours', threads: 4, topics: ['t'], pattern: null, partitions: 2 },
      { member: 'scala', kind: 'classic', threads: 3, topics: ['a', 'b'], pattern: null, partitions: 0 },
    ])
  })

  it('may pick their topics by a pattern', () => {
    const [member] = describeMembers(group({ m: announcement({ 'up.*': 2 }, { pattern: 'white_list' }) }))
    assert.deepEqual([member?.threads, member?.topics, member?.pattern], [2, null, 'white_list up.*'])
  })

  it('are shown when they announce nothing, nothing readable, or in a later format', () => {
    const ids = { a: '', b: 'junk', c: announcement({ t: 1 }, { kwg: { version: 99 } }) }
    assert.deepEqual(describeMembers(group(ids, ['a'])), [
      { member: 'a', kind: 'original', ...NOTHING, partitions: 1 },
      { member: 'b', kind: 'unreadable', ...NOTHING, partitions: 0 },
      { member: 'c', kind: 'unknown-format', ...NOTHING, partitions: 0 },
    ])
  })

  it('come before those who own partitions without being members', () => {
    const members = describeMembers(group({ m: '' }, ['gone-0', 'm', 'elsewhere', 'gone-0']))
    assert.deepEqual(
      members.map(({ member, kind, partitions }) => [member, kind, partitions]),
      [
        ['m', 'original', 1],
        ['elsewhere', 'absent', 1],
        ['gone-0', 'absent', 2],
      ],
    )
  })
})
