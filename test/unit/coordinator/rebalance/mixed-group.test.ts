import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refuseMixedGroup } from '#src/coordinator/rebalance/mixed-group.js'
import { GroupError } from '#src/shared/errors.js'
import { rejection } from '../../../support/group-error.ts'

const IDS = '/consumers/g/ids'
const CLASSIC = '{"version":1,"subscription":{"t":1},"pattern":"static","timestamp":"1"}'
const forever = new AbortController().signal

/** A storage that answers, in this order, failures and then these members. */
function storage(data: Record<string, string>, failures: GroupError[] = []) {
  const members = Object.entries(data).map(([memberId, text]) => ({
    memberId,
    data: Buffer.from(text),
    czxid: 1n,
  }))
  return {
    readMembers: async () => {
      const failure = failures.shift()
      if (failure !== undefined) throw failure
      return { members, version: { czxid: 1n, cversion: 1 } }
    },
  }
}

describe('whoever starts', () => {
  it('stays out of a group with members of the original and classic consumers', async () => {
    const mixed = storage({ go: '', scala: CLASSIC })
    const error = await rejection(refuseMixedGroup(mixed, IDS, forever), 'MIXED_GROUP_UNSUPPORTED')
    assert.deepEqual(error.details, { path: IDS, originals: 'go', classics: 'scala' })
  })

  it('joins either of them, and a group with a stranger', async () => {
    for (const data of [{ go: '' }, { scala: CLASSIC }, { x: '?' }, {}])
      await refuseMixedGroup(storage(data), IDS, forever)
  })

  it('looks again when the storage was away for a moment, until it is told to stop', async () => {
    const away = (): GroupError => new GroupError('ZOOKEEPER_DISCONNECTED', 'away')
    const mixed = storage({ go: '', scala: CLASSIC }, [away(), away()])
    await rejection(refuseMixedGroup(mixed, IDS, forever), 'MIXED_GROUP_UNSUPPORTED')
    const stopped = AbortSignal.abort(new GroupError('NOT_RUNNING', 'stopping'))
    const waiting = refuseMixedGroup(storage({}, [away(), away()]), IDS, stopped)
    await assert.rejects(waiting)
  })
})
