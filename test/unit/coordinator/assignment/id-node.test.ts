import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeIdNode, parseIdNode, processOf, type IdNode } from '#src/coordinator/assignment/id-node.js'
import { THIS_PROCESS } from '#src/coordinator/progress/open-claim.js'

const parse = (text: string): IdNode => parseIdNode(Buffer.from(text))

function reasonOf(text: string): string {
  const node = parse(text)
  assert.ok(node.kind === 'unreadable', text)
  return node.reason
}

describe('an id node', () => {
  it('is written field for field as the Scala consumer does, with our own field last', () => {
    const data = encodeIdNode({ memberId: 'm', subscription: { uploads: 2, scans: 1 } }, 1795459953417.9)
    assert.equal(
      data.toString(),
      `{"version":1,"subscription":{"uploads":2,"scans":1},"pattern":"static","timestamp":"1795459953417","kwg":{"version":1,"process":"${THIS_PROCESS}"}}`,
    )
  })

  it('of ours is read as it was written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer({ min: 1, max: 10_000 })), subscription => {
        const node = parseIdNode(encodeIdNode({ memberId: 'm', subscription }, 17))
        const topics = new Map(Object.entries(subscription))
        assert.deepEqual(node, { kind: 'ours', subscription: { pattern: 'static', topics } })
      }),
    )
  })

  it('tells which process wrote it, if it is of ours', () => {
    assert.equal(processOf(encodeIdNode({ memberId: 'm', subscription: {} }, 0)), THIS_PROCESS)
    for (const other of ['', 'junk', '{}', '{"kwg":1}', '{"kwg":{"version":1}}', '{"kwg":{"process":7}}'])
      assert.equal(processOf(Buffer.from(other)), null)
  })

  it('without data is one of the Go original', () => {
    assert.deepEqual(parse(''), { kind: 'original' })
  })

  it('of a Scala consumer has its topics and threads', () => {
    const text = '{"version":1,"subscription":{"T":2,"U":1},"pattern":"static","timestamp":"1795459953417"}'
    const topics = new Map(Object.entries({ T: 2, U: 1 }))
    const subscription = { pattern: 'static', topics }
    assert.deepEqual(parse(text), { kind: 'classic', version: 1, subscription })
  })

  it('of kazoo-go, with its other timestamp and order of fields, is classic too', () => {
    const text = '{"pattern":"static","subscription":{"T":1},"timestamp":1795460000,"version":1}'
    assert.equal(parse(text).kind, 'classic')
  })

  it('of a Scala consumer may have a pattern', () => {
    for (const pattern of ['white_list', 'black_list']) {
      const node = parse(`{"version":1,"subscription":{"up.*":3},"pattern":"${pattern}","timestamp":"1"}`)
      assert.ok(node.kind === 'classic' && node.subscription.pattern !== 'static')
      assert.equal(node.subscription.pattern, pattern)
      assert.equal(node.subscription.text, 'up.*')
      assert.equal(node.subscription.threads, 3)
    }
  })

  it('with a pattern of another name, or with no topics, means names: the Scala consumer reads it so', () => {
    for (const text of [
      '{"subscription":{"T":1},"pattern":"other"}',
      '{"subscription":{},"pattern":"white_list"}',
    ]) {
      const node = parse(text)
      assert.ok(node.kind === 'classic' && node.subscription.pattern === 'static', text)
    }
  })

  it('of a later version of ours is told from everything else, whatever else it holds', () => {
    assert.deepEqual(parse('{"kwg":{"version":2}}'), { kind: 'unknown-format', formatVersion: 2 })
  })

  it('is unreadable, with the reason, if it holds anything else', () => {
    assert.match(reasonOf('garbage'), /"garbage" is no JSON object/)
    assert.match(reasonOf('[1]'), /no JSON object/)
    assert.match(reasonOf('null'), /no JSON object/)
    assert.match(reasonOf('{"subscription":{"T":1}}'), /pattern is missing/)
    assert.match(reasonOf('{"pattern":"static"}'), /subscription is missing/)
    assert.match(reasonOf('{"pattern":"static","subscription":["T"]}'), /subscription is a list/)
    assert.match(reasonOf('{"pattern":"static","subscription":{"T":0}}'), /"T" has 0 threads/)
    assert.match(reasonOf('{"pattern":"static","subscription":{"T":"2"}}'), /"T" has "2" threads/)
    assert.match(reasonOf('{"pattern":"static","subscription":{"T":1e9}}'), /1000000000 threads/)
    assert.match(reasonOf('{"pattern":"white_list","subscription":{"a":1,"b":1}}'), /2 patterns/)
    assert.match(reasonOf('{"pattern":"white_list","subscription":{"a(":1}}'), /pattern "a\("/)
    assert.match(reasonOf('{"kwg":1,"pattern":"static","subscription":{"T":1}}'), /kwg is 1/)
    assert.match(reasonOf('{"kwg":{"version":"1"}}'), /kwg is an object, without a version/)
    assert.match(reasonOf('{"kwg":{"version":1}}'), /pattern is missing/)
  })

  it('is read without harm whatever it holds: bytes, damaged JSON, nesting without end', () => {
    const valid = encodeIdNode({ memberId: 'm', subscription: { t: 1 } }, 1)
    const damaged = fc
      .tuple(fc.nat(valid.length - 1), fc.nat(255))
      .map(([index, byte]) => Buffer.from(valid).fill(byte, index, index + 1))
    const bytes = fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array))
    const json = fc.json().map(text => Buffer.from(text))
    fc.assert(
      fc.property(fc.oneof(bytes, damaged, json), data => {
        assert.equal(typeof parseIdNode(data).kind, 'string')
      }),
      { numRuns: 1_000 },
    )
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    assert.match(reasonOf(`{"pattern":${deep},"subscription":{}}`), /pattern is a list/)
  })
})
