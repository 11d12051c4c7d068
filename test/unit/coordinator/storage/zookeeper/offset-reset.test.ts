import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeProgress } from '#src/coordinator/progress/progress-format.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import { disconnected } from '#src/coordinator/storage/zookeeper/answers.js'
import type { ZooKeeperClient } from '#src/coordinator/storage/zookeeper/client.js'
import { resetOffsets, type ResetPort } from '#src/coordinator/storage/zookeeper/offset-reset.js'
import { GroupPaths } from '#src/coordinator/storage/zookeeper/paths.js'
import type { MultiResult, Op, Znode } from '#src/coordinator/storage/zookeeper/znode.js'

const paths = new GroupPaths('', 'g')
const COMMITTED: MultiResult = { committed: true, versions: [] }
const failed = (failedAt: number, answer: string): MultiResult => ({ committed: false, failedAt, answer })

/** A group that has these nodes, and answers transactions so, one after the other. */
function portTo(
  nodes: Record<string, string>,
  answers: (MultiResult | Error)[],
): ResetPort & { sent: Op[][] } {
  const children = (path: string): string[] =>
    Object.keys(nodes).flatMap(name => (name.startsWith(`${path}/`) ? [name.slice(path.length + 1)] : []))
  const node = (text: string): Znode => {
    return { data: Buffer.from(text), stat: { czxid: 1n, mzxid: 1n, version: 7, ephemeralOwner: 0n } }
  }
  const client = {
    getChildren: async (path: string) => children(path),
    getData: async (path: string) => (nodes[path] === undefined ? null : node(nodes[path])),
    exists: async (path: string) => nodes[path] !== undefined,
  } as unknown as ZooKeeperClient
  const sent: Op[][] = []
  return {
    sent,
    read: work => work(client),
    writer: () => async ops => {
      sent.push([...ops])
      const answer = answers.shift() ?? COMMITTED
      if (answer instanceof Error) throw answer
      return answer
    },
  }
}

const PARENTS = { '/consumers': '', '/consumers/g': '', '/consumers/g/ids': 'x', '/consumers/g/owners': '' }
const TARGETS = {
  topic: 't',
  topicId: 'id' as string | null,
  offsets: [10, 2].map(partition => ({ topic: 't', partition, offset: 5 })),
}

const inShort = (ops: Op[]): string[] =>
  ops.map(
    op => `${op.type} ${op.path.replace('/consumers/g/', '')}${'version' in op ? ` @${op.version}` : ''}`,
  )

describe('the transaction of a reset', () => {
  it('fails while anybody is in the group, keeps offset nodes, makes what is missing in order, and stores the incarnation', async () => {
    const port = portTo(
      {
        ...PARENTS,
        '/consumers/g/offsets': '',
        '/consumers/g/offsets/t/10': '3',
        '/consumers/g/progress/t/10': '',
      },
      [],
    )
    const offsets = await resetOffsets(port, paths, TARGETS)
    assert.deepEqual(offsets, [
      { topic: 't', partition: 2, from: null, to: 5 },
      { topic: 't', partition: 10, from: 3, to: 5 },
    ])
    assert.deepEqual(inShort(port.sent[0]!), [
      'create owners/t',
      'create offsets/t',
      'create progress',
      'create progress/t',
      'remove ids @-1',
      'create ids',
      'create offsets/t/2',
      'set offsets/t/10 @7',
      'create progress/t/2',
      'set progress/t/10 @-1',
    ])
    for (const op of port.sent[0]!.slice(-2))
      assert.deepEqual('data' in op && decodeProgress(op.data!, op.path), progressAt(5, 'id'))
    const ids = port.sent[0]!.find(({ type, path }) => type === 'create' && path === paths.ids)
    assert.deepEqual(ids, { type: 'create', path: paths.ids, data: Buffer.from('x'), ephemeral: false })
  })

  it('ends progress where topics have no ids', async () => {
    const port = portTo({ ...PARENTS, '/consumers/g/progress/t/10': '' }, [])
    await resetOffsets(port, paths, { ...TARGETS, topicId: null })
    assert.deepEqual(inShort(port.sent[0]!).slice(-2), ['create offsets/t/10', 'remove progress/t/10 @-1'])
  })

  it('is planned anew when something has changed since it was looked at, but not for ever', async () => {
    const once = portTo(PARENTS, [failed(0, 'NODE_EXISTS'), failed(1, 'NOT_EMPTY')])
    await resetOffsets(once, paths, TARGETS)
    assert.equal(once.sent.length, 3)
    const always = portTo(PARENTS, new Array<MultiResult>(9).fill(failed(0, 'BAD_VERSION')))
    const error = { code: 'ZOOKEEPER_REFUSED', message: /changes by others/ }
    await assert.rejects(resetOffsets(always, paths, TARGETS), error)
  })

  it('is not tried again when it may not be done', async () => {
    const port = portTo(PARENTS, [failed(2, 'NO_AUTH')])
    const error = { code: 'ZOOKEEPER_REFUSED', message: /NO_AUTH to create \/consumers\/g\/offsets\/t/ }
    await assert.rejects(resetOffsets(port, paths, TARGETS), error)
    assert.equal(port.sent.length, 1)
  })

  it('is not sent again without an answer: all offsets are set, or none', async () => {
    const port = portTo(PARENTS, [disconnected({ operation: 'multi', path: '/' }, 'cut')])
    const error = { code: 'ZOOKEEPER_DISCONNECTED', message: /either all its offsets are reset or none/ }
    await assert.rejects(resetOffsets(port, paths, TARGETS), error)
    assert.equal(port.sent.length, 1)
  })

  it('says what was in the way when it was not sent at all', async () => {
    const away = disconnected({ operation: 'reset', path: '/' }, 'away')
    const writer = (): never => {
      throw away
    }
    await assert.rejects(resetOffsets({ ...portTo(PARENTS, []), writer }, paths, TARGETS), away)
  })

  it('is not sent while the group has members, or claims of nobody', async () => {
    const members = portTo({ ...PARENTS, '/consumers/g/ids/b': '', '/consumers/g/ids/a': '' }, [])
    await assert.rejects(resetOffsets(members, paths, TARGETS), {
      code: 'GROUP_HAS_MEMBERS',
      message: /members: a, b /,
    })
    const owned = portTo({ ...PARENTS, '/consumers/g/owners/t': '', '/consumers/g/owners/t/2': 'x-0' }, [])
    await assert.rejects(resetOffsets(owned, paths, TARGETS), {
      code: 'GROUP_HAS_MEMBERS',
      message: /owners\/t\/2 says that "x-0" owns/,
    })
    assert.deepEqual([members.sent, owned.sent], [[], []])
  })

  it('is not sent when it is larger than ZooKeeper takes', async () => {
    const port = portTo(PARENTS, [])
    const many = Array.from({ length: 20_000 }, (_, partition) => ({ topic: 't', partition, offset: 0 }))
    const error = {
      code: 'ZOOKEEPER_REFUSED',
      message: /20000 partitions .* bytes.*nothing was changed: reset them in parts/,
    }
    await assert.rejects(resetOffsets(port, paths, { ...TARGETS, offsets: many }), error)
    assert.deepEqual(port.sent, [])
  })
})
