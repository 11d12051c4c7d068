import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { letterName } from '#src/cli/letter-lines.js'
import { listDeadLetters } from '#src/dead-letters/dead-letters.js'
import type { DeadLetterSearchOptions } from '#src/options/dead-letter-search.js'
import { jsonLines, kwg } from '../support/cli.ts'
import { headerText, letterOf, openDeadLetters, readAll } from '../support/dead-letters.ts'
import { createTopic, endOffsets, isUniqueGroup, produce, withAdmin } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'

failOnLeaks()

const NO_UTF8 = Buffer.from([0xff, 0xfe, 0x00])
const HEADERS = [
  ['b', Buffer.from('1')],
  ['a', NO_UTF8],
  ['b', null],
] as const

/** A dead-letter topic with three letters and a message that is none, and the topic where two of them come from. */
async function deadLetterTopic(t: TestContext): Promise<{ topic: string; origin: string }> {
  const [topic, origin] = [await createTopic(t, { partitions: 2 }), await createTopic(t, { partitions: 2 })]
  const letters = await openDeadLetters(t, topic)
  const lane = { topic: origin, partition: 1, epoch: 1n, lane: 0 }
  await letters.send(letterOf({ lane, offset: 4, key: NO_UTF8, value: NO_UTF8, headers: HEADERS }))
  await letters.send(
    letterOf({ lane, offset: 5, key: null, value: null, error: { ...ERROR, code: 'HANDLER_TIMEOUT' } }),
  )
  await letters.send(letterOf({ lane: { ...lane, topic: `${origin}-that-is-gone` }, offset: 6 }))
  await produce(topic, [{ partition: 0, value: 'somebody put this here' }])
  return { topic, origin }
}

const ERROR = { name: 'Error', message: 'too late\n\u001b[31mred', stack: 'Error: too late' }

function deadLetters(...args: string[]): ReturnType<typeof kwg> {
  return kwg('dead-letters', ...args, '--brokers', sharedStack().brokers.join(','))
}

describe('kwg dead-letters', () => {
  it('lists, filters and shows', async t => {
    const { topic, origin } = await deadLetterTopic(t)
    const list = async (filter: Partial<DeadLetterSearchOptions>): Promise<string[]> => {
      const names: string[] = []
      const kafka = { brokers: [...sharedStack().brokers] }
      const { hasMore } = await listDeadLetters({ topic, kafka, ...filter }, ({ record }) =>
        names.push(letterName(record)),
      )
      return hasMore ? [...names, 'more'] : names
    }
    assert.deepEqual(await list({}), ['0:0', '1:0', '1:1', '1:2'])
    assert.deepEqual(await list({ originTopic: origin }), ['1:0', '1:1'])
    assert.deepEqual(await list({ code: 'HANDLER_TIMEOUT' }), ['1:1'])
    assert.deepEqual(await list({ since: '2099-01-01T00:00:00Z' }), [])
    assert.deepEqual(await list({ limit: 2 }), ['0:0', '1:0', 'more'])
    assert.deepEqual(await list({ limit: 4 }), ['0:0', '1:0', '1:1', '1:2'])

    const table = await kwg('dead-letters', 'list', '--topic', topic, '--zookeeper', sharedStack().zookeeper)
    assert.equal(table.code, 0)
    assert.match(table.stdout, new RegExp(`^1:1 +${origin}/1:5 +20\\S+Z +3 +HANDLER_TIMEOUT +too late$`, 'm'))
    assert.match(table.stdout, /^0:0 .*no dead letter$/m)

    const shown = await deadLetters('show', '1:0', '--topic', topic)
    assert.match(shown.stdout, /^key +hex fffe00$/m)
    assert.match(shown.stdout, /^header a +hex fffe00$/m)
    assert.match(shown.stdout, new RegExp(`^origin +${origin}/1:4$`, 'm'))
    const tombstone = await deadLetters('show', '1:1', '--topic', topic)
    assert.match(tombstone.stdout, /^value +null$/m)
    assert.ok(!tombstone.stdout.includes('\u001b'))
    const [json] = jsonLines((await deadLetters('show', '0:0', '--topic', topic, '--json')).stdout)
    assert.deepEqual(json!['value'], { bytes: 22, text: 'somebody put this here' })
  })

  it('replays what is named to where it comes from, and nothing else', async t => {
    const { topic, origin } = await deadLetterTopic(t)
    const dry = await deadLetters('replay', '--all', '--dry-run', '--origin-topic', origin, '--topic', topic)
    assert.equal(dry.stdout.trim().split('\n').length, 2)
    assert.deepEqual(await endOffsets(origin), [0, 0])

    const one = await deadLetters('replay', '1:0', '0:0', '--topic', topic)
    assert.deepEqual(one, {
      code: 0,
      stdout: `1:0 replayed to ${origin}/1:4\n0:0 is no dead letter and stays where it is\n`,
      stderr: '',
    })
    const [record] = await readAll(t, origin, 1)
    assert.deepEqual(
      [record!.key, record!.value, record!.timestamp],
      [NO_UTF8, NO_UTF8, letterOf().timestamp],
    )
    assert.deepEqual(record!.headers.slice(0, -1), HEADERS)
    assert.equal(headerText(record!, 'x-kwg-replayed-from'), `${topic}/1/0`)
    assert.deepEqual(await endOffsets(topic), [1, 3])
  })

  it('replays all that can be, says what cannot, and leaves no consumer group behind', async t => {
    const { topic, origin } = await deadLetterTopic(t)
    const groupsBefore = await groups()
    const { code, stdout, stderr } = await deadLetters('replay', '--all', '--topic', topic, '--json')
    assert.equal(code, 1)
    assert.deepEqual(
      jsonLines(stdout).map(line => [line['outcome'], line['code']]),
      [
        ['no-letter', undefined],
        ['replayed', 'HANDLER_FAILED'],
        ['replayed', 'HANDLER_TIMEOUT'],
        ['failed', 'TOPIC_NOT_FOUND'],
      ],
    )
    assert.match(stderr, /^kwg: BROKER_REFUSED: 1 of 3 letters could not be replayed/)
    assert.deepEqual(await endOffsets(origin), [0, 2])
    assert.deepEqual(
      (await groups()).filter(one => !groupsBefore.includes(one)),
      [],
    )
  })

  it('refuses what is not clear, in one line', async t => {
    const topic = await createTopic(t)
    const refused: [args: string[], line: RegExp][] = [
      [['list', '--since', 'yesterday'], /--topic \(topic\): missing, .*--since \(since\): got "yesterday"/],
      [['show', '1', '--topic', topic], /<partition:offset> \(letters\[0\]\): got "1"/],
      [['show', '0:0', '--topic', topic], /OFFSET_OUT_OF_RANGE: .* reaches from 0 to 0/],
      [['replay', '--topic', topic], /either letters as partition:offset, or --all/],
      [['replay', '0:0', '--all', '--topic', topic], /either letters as partition:offset, or --all/],
    ]
    const results = await Promise.all(refused.map(([args]) => deadLetters(...args)))
    for (const [index, { code, stdout, stderr }] of results.entries()) {
      assert.deepEqual([code, stdout], [1, ''], stderr)
      assert.match(stderr, refused[index]![1])
      assert.equal(stderr.trim().split('\n').length, 1)
    }
  })
})

/** But those of other tests, which come and go. */
async function groups(): Promise<string[]> {
  const listed = await withAdmin(sharedStack().brokers, admin => admin.listGroups())
  return listed.groups.map(({ groupId }) => groupId).filter(groupId => !isUniqueGroup(groupId))
}
