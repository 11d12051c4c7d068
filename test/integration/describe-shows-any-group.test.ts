import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { describeGroup } from '#src/index.js'
import { jsonLines, kwg, KwgProcess } from '../support/cli.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { sharedStack } from '../support/stack.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { joinedProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

/** A group as the Go original and a Scala consumer would have left it: one partition each, one never claimed. */
async function foreignGroup(t: TestContext): Promise<{ group: string; topic: string }> {
  const group = uniqueGroup()
  const topic = await createTopic(t, { partitions: 3 })
  for (const [partition, count] of [5, 7, 0].entries()) {
    const messages = [...Array(count).keys()].map(number => ({ partition, value: `${number}` }))
    if (count > 0) await produce(topic, messages)
  }
  const zookeeper = await openZooKeeper(t)
  const root = `/consumers/${group}`
  await zookeeper.write(`${root}/ids/vm-1795459583587-GSKQKGND`, '')
  await zookeeper.write(`${root}/ids/scala_vm-1-abc`, '{}')
  await zookeeper.write(`${root}/owners/${topic}/0`, 'vm-1795459583587-GSKQKGND')
  await zookeeper.write(`${root}/owners/${topic}/1`, 'scala_vm-1-abc-1')
  await zookeeper.write(`${root}/offsets/${topic}/0`, '2')
  await zookeeper.write(`${root}/offsets/${topic}/1`, '7')
  await zookeeper.write(`${root}/offsets/${topic}/2`, '-1')
  return { group, topic }
}

/** The lines of `kwg describe --json`, by the field that tells what they are about. */
async function describedLines(
  group: string,
): Promise<Record<'topic' | 'member' | 'group' | 'trouble', object[]>> {
  const { zookeeper } = sharedStack()
  const { code, stdout, stderr } = await kwg('describe', '--group', group, '--zookeeper', zookeeper, '--json')
  assert.equal(code, 0, stderr)
  const lines = jsonLines(stdout)
  const withField = (field: string): object[] => lines.filter(line => field in line)
  const [topic, member, summary, trouble] = ['topic', 'member', 'group', 'trouble'].map(withField)
  assert.equal(topic!.length + member!.length + summary!.length + trouble!.length, lines.length)
  return { topic: topic!, member: member!, group: summary!, trouble: trouble! }
}

describe('kwg describe', () => {
  it('shows owner, committed offset, end and lag of a group whose members are other programs', async t => {
    const { group, topic } = await foreignGroup(t)
    assert.deepEqual((await describedLines(group)).topic, [
      { topic, partition: 0, owner: 'vm-1795459583587-GSKQKGND', committed: 2, end: 5, lag: 3 },
      { topic, partition: 1, owner: 'scala_vm-1-abc', committed: 7, end: 7, lag: 0 },
      { topic, partition: 2, owner: null, committed: null, end: 0, lag: null },
    ])
  })

  it('shows every member and owner, how they divide the partitions, and what is wrong with them', async t => {
    const { group, topic } = await foreignGroup(t)
    const zookeeper = await openZooKeeper(t)
    const root = `/consumers/${group}`
    const subscription = { [`${topic}.*`]: 2 }
    const classic = { version: 1, subscription, pattern: 'white_list', timestamp: '1' }
    await zookeeper.write(`${root}/ids/scala_vm-2-def`, JSON.stringify(classic))
    await zookeeper.write(`${root}/owners/${topic}/2`, 'nobody-0')
    const nothing = { threads: null, topics: null, pattern: null }
    const lines = await describedLines(group)
    assert.deepEqual(lines.member, [
      { member: 'scala_vm-1-abc', kind: 'unreadable', ...nothing, partitions: 1 },
      {
        member: 'scala_vm-2-def',
        kind: 'classic',
        threads: 2,
        topics: null,
        pattern: `white_list ${topic}.*`,
        partitions: 0,
      },
      { member: 'vm-1795459583587-GSKQKGND', kind: 'original', ...nothing, partitions: 1 },
      { member: 'nobody-0', kind: 'absent', ...nothing, partitions: 1 },
    ])
    assert.deepEqual(lines.group, [{ group, assignBy: 'modulo', members: 3 }])
    const troubles = lines.trouble as { trouble: string; message: string }[]
    assert.deepEqual(
      troubles.map(({ trouble }) => trouble),
      ['ID_NODE_UNREADABLE', 'MIXED_GROUP_UNSUPPORTED'],
    )
    assert.match(troubles[0]!.message, new RegExp(`${root}/ids/scala_vm-1-abc is nothing`))
  })

  it('prints tables for people', async t => {
    const { group, topic } = await foreignGroup(t)
    const { stdout, stderr } = await kwg('describe', '--group', group, '--zookeeper', sharedStack().zookeeper)
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(/ {2,}/))
    assert.deepEqual(rows[0], ['topic', 'partition', 'owner', 'committed', 'end', 'lag'])
    assert.deepEqual(rows[1], [topic, '0', 'vm-1795459583587-GSKQKGND', '2', '5', '3'])
    assert.deepEqual(rows[3], [topic, '2', '-', '-', '0', '-'])
    assert.deepEqual(rows.slice(5), [
      ['member', 'kind', 'threads', 'topics', 'partitions'],
      ['scala_vm-1-abc', 'unreadable', '-', '-', '1'],
      ['vm-1795459583587-GSKQKGND', 'original', '-', '-', '1'],
      [''],
      ['2 members, partitions assigned by: modulo'],
      rows.at(-1),
    ])
    assert.match(String(rows.at(-1)), /^ID_NODE_UNREADABLE: /)
    assert.equal(stderr, '')
  })

  it('shows our own members, and says when there are none', async t => {
    const group = uniqueGroup()
    const subscription = { a: 2, b: 3 }
    const member = await joinedProbe(t, { groupId: group, memberId: 'one', subscription })
    await member.claim(0, {}, 'a')
    const lines = await describedLines(group)
    assert.deepEqual(lines.member, [
      { member: 'one', kind: 'ours', threads: 3, topics: ['a', 'b'], pattern: null, partitions: 1 },
    ])
    assert.deepEqual(lines.group, [{ group, assignBy: 'balanced', members: 1 }])
    await member.storage.close()
    const left = await describeGroup({ groupId: group, zookeeper: sharedStack().zookeeper })
    assert.deepEqual([left.assignBy, left.members], [null, []])
  })

  it('ends well when whoever reads has gone', async t => {
    const { group } = await foreignGroup(t)
    const describing = new KwgProcess(t, [
      'describe',
      '--group',
      group,
      '--zookeeper',
      sharedStack().zookeeper,
    ])
    describing.closeStdout()
    assert.deepEqual([await describing.exited, describing.stderr], [0, ''])
  })

  it('keeps rows of a topic that is gone', async t => {
    const group = uniqueGroup()
    const zookeeper = await openZooKeeper(t)
    await zookeeper.write(`/consumers/${group}/offsets/gone/4`, '9')
    assert.deepEqual((await describedLines(group)).topic, [
      { topic: 'gone', partition: 4, owner: null, committed: 9, end: null, lag: null },
    ])
  })

  it('names a group that does not exist, and an offset that is none', async t => {
    const { zookeeper } = sharedStack()
    const unknown = await kwg('describe', '--group', 'nobody', '--zookeeper', zookeeper)
    assert.equal(unknown.code, 1)
    assert.match(
      unknown.stderr,
      /^kwg: GROUP_NOT_FOUND: there is no group "nobody".*\/consumers\/nobody.*\n$/,
    )

    const group = uniqueGroup()
    await (await openZooKeeper(t)).write(`/consumers/${group}/offsets/t/0`, 'twelve')
    const corrupt = await kwg('describe', '--group', group, '--zookeeper', zookeeper)
    assert.equal(corrupt.code, 1)
    assert.match(
      corrupt.stderr,
      new RegExp(`kwg: OFFSET_CORRUPT: .*/consumers/${group}/offsets/t/0 is "twelve"`),
    )
  })

  it('gives up on servers that do not answer within the connect timeout', async t => {
    const { group } = await foreignGroup(t)
    const file = join(temporaryDirectory(t), 'group.json')
    const config = {
      zookeeper: { servers: '127.0.0.1:1', connectTimeoutMs: 300 },
      kafka: { connectionTimeoutMs: 300 },
    }
    await writeFile(file, JSON.stringify(config))
    const noZooKeeper = await kwg('describe', '--group', group, '--config', file)
    assert.equal(noZooKeeper.code, 1)
    assert.match(noZooKeeper.stderr, /kwg: ZOOKEEPER_UNREACHABLE: .*127\.0\.0\.1:1.* 300 ms/)

    const flags = ['--zookeeper', sharedStack().zookeeper, '--brokers', '127.0.0.1:1']
    const noBroker = await kwg('describe', '--group', group, '--config', file, ...flags)
    assert.equal(noBroker.code, 1)
    assert.match(noBroker.stderr, /kwg: BROKERS_UNREACHABLE: .*127\.0\.0\.1:1/)
  })
})
