import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { claimRefused } from '#src/coordinator/coordinator-errors.js'

const OF = { topic: 't', partition: 3 }
const PATH = '/consumers/g/owners/t/3'

describe('a refused claim', () => {
  it('names the member that holds the partition', () => {
    const { message, details } = claimRefused(OF, { name: 'm', isMember: true, path: PATH, session: '0x1' })
    assert.match(message, /^t\/3 is still held by m \(\/consumers\/g\/owners\/t\/3\);/)
    assert.deepEqual(details, { ...OF, holder: 'm', path: PATH, isMember: true, session: '0x1' })
  })

  it('names the node of a holder that is no member, and whether a session ends it', () => {
    const held = (session: string | null): string =>
      claimRefused(OF, { name: 'x\n', isMember: false, path: PATH, session }).message
    assert.match(held('0x1'), /"x\\n" in \/consumers\/g\/owners\/t\/3 \(of session 0x1\), which is no member/)
    assert.match(held(null), /\(no session ends it\), which is no member/)
  })
})
