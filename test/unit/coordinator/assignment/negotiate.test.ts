import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeIdNode } from '#src/coordinator/assignment/id-node.js'
import { negotiate, type Negotiation } from '#src/coordinator/assignment/negotiate.js'

const IDS = '/consumers/g/ids'
const OURS = encodeIdNode({ memberId: 'any', subscription: { t: 2 } }, 1)
const CLASSIC = Buffer.from('{"version":1,"subscription":{"t":1},"pattern":"static","timestamp":"1"}')
const ORIGINAL = Buffer.alloc(0)
const LATER = Buffer.from('{"kwg":{"version":9}}')
const GARBAGE = Buffer.from('?')

function among(ids: Readonly<Record<string, Buffer>>, topics: readonly string[] = ['t']): Negotiation {
  return negotiate(
    Object.entries(ids).map(([memberId, data]) => ({ memberId, data })),
    topics,
    IDS,
  )
}

function troubles(negotiation: Negotiation): string[] {
  return negotiation.troubles.map(({ code }) => code)
}

describe('the group agrees', () => {
  it('on balanced while all are ours', () => {
    const { assignBy, readers, strangers, troubles } = among({ b: OURS, a: OURS })
    assert.equal(assignBy, 'balanced')
    assert.deepEqual(
      readers.map(({ memberId }) => memberId),
      ['a', 'b'],
    )
    assert.equal(readers[0]!.threads.get('t'), 2)
    assert.deepEqual([strangers.size, troubles.length], [0, 0])
  })

  it('on range as soon as a classic consumer is there, and on balanced again without it', () => {
    assert.equal(among({ a: OURS, scala: CLASSIC }).assignBy, 'range')
    assert.deepEqual(troubles(among({ a: OURS, scala: CLASSIC })), [])
    assert.equal(among({ a: OURS }).assignBy, 'balanced')
  })

  it('on modulo as soon as a member of the original is there', () => {
    const negotiation = among({ a: OURS, go: ORIGINAL })
    assert.equal(negotiation.assignBy, 'modulo')
    assert.deepEqual(troubles(negotiation), [])
  })

  it('on modulo, with an error that names the nodes, where both are there', () => {
    const negotiation = among({ a: OURS, go: ORIGINAL, scala: CLASSIC })
    assert.equal(negotiation.assignBy, 'modulo')
    assert.deepEqual(troubles(negotiation), ['MIXED_GROUP_UNSUPPORTED'])
    const [error] = negotiation.troubles
    assert.match(error!.message, /original \(go\).*classic consumers \(scala\)/)
    assert.deepEqual(error!.details, { path: IDS, originals: 'go', classics: 'scala' })
  })

  it('without a member that cannot be read, and names its node', () => {
    const negotiation = among({ a: OURS, x: GARBAGE })
    assert.equal(negotiation.assignBy, 'balanced')
    assert.deepEqual(
      negotiation.readers.map(({ memberId }) => memberId),
      ['a'],
    )
    assert.deepEqual(negotiation.strangers, new Set(['x']))
    assert.deepEqual(troubles(negotiation), ['ID_NODE_UNREADABLE'])
    assert.match(negotiation.troubles[0]!.message, /^\/consumers\/g\/ids\/x .*"\?" is no JSON object/)
  })

  it('without a member of a later version, and names its node and format', () => {
    const negotiation = among({ a: OURS, x: LATER })
    assert.equal(negotiation.assignBy, 'balanced')
    assert.deepEqual(negotiation.strangers, new Set(['x']))
    assert.deepEqual(negotiation.otherVersions, ['x'])
    assert.deepEqual(troubles(negotiation), ['FORMAT_UNKNOWN'])
    assert.deepEqual(negotiation.troubles[0]!.details, { memberId: 'x', path: `${IDS}/x`, formatVersion: 9 })
  })

  it('by what the readable members are, also while strangers are there', () => {
    assert.equal(among({ scala: CLASSIC, x: GARBAGE }).assignBy, 'range')
    assert.equal(among({ go: ORIGINAL, x: GARBAGE }).assignBy, 'modulo')
    assert.equal(among({ x: GARBAGE }).assignBy, 'balanced')
  })

  it('on which topics a pattern means, of those that there are', () => {
    const scala = Buffer.from('{"version":1,"subscription":{"u.*":3},"pattern":"white_list","timestamp":"1"}')
    const { readers } = among({ scala }, ['t', 'u1', 'u2'])
    assert.deepEqual(readers[0]!.threads, new Map(Object.entries({ u1: 3, u2: 3 })))
  })

  it('without a member whose pattern takes for ever', () => {
    const scala = Buffer.from(
      '{"version":1,"subscription":{"(a+)+":3},"pattern":"white_list","timestamp":"1"}',
    )
    const negotiation = among({ scala }, [`${'a'.repeat(60)}-`])
    assert.deepEqual(troubles(negotiation), ['ID_NODE_UNREADABLE'])
    assert.match(negotiation.troubles[0]!.message, /takes too long/)
  })

  it('whatever the nodes hold and in whatever order they are listed', () => {
    const data = fc.oneof(
      fc.constantFrom(OURS, CLASSIC, ORIGINAL, LATER, GARBAGE),
      fc.uint8Array().map(bytes => Buffer.from(bytes)),
    )
    const ids = fc.uniqueArray(fc.record({ memberId: fc.string({ minLength: 1 }), data }), {
      selector: ({ memberId }) => memberId,
    })
    fc.assert(
      fc.property(ids, registered => {
        const negotiation = negotiate(registered, ['t'], IDS)
        assert.deepEqual(negotiate(registered.toReversed(), ['t'], IDS), negotiation)
        const understood = negotiation.readers.length + negotiation.strangers.size
        const originals = registered.filter(one => one.data.length === 0).length
        assert.equal(understood + originals, registered.length)
        const named = negotiation.troubles.filter(({ code }) => code !== 'MIXED_GROUP_UNSUPPORTED')
        assert.equal(named.length, negotiation.strangers.size)
      }),
    )
  })
})
