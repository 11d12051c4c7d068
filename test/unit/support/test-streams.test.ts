import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inTurn, type TestEvent } from '../../support/test-streams.ts'

async function* run(pass: number, fail: number): AsyncGenerator<TestEvent> {
  yield { type: fail === 0 ? 'test:pass' : 'test:fail', data: { nesting: 0 } }
  yield { type: 'test:diagnostic', data: { nesting: 0, message: `pass ${pass}` } }
  yield { type: 'test:diagnostic', data: { nesting: 0, message: `fail ${fail}` } }
  yield { type: 'test:diagnostic', data: { nesting: 0, message: 'a word of a test' } }
  yield { type: 'test:summary', data: {} }
}

describe('inTurn', () => {
  it('makes one run of several: their events in turn, and one summary that adds them up', async () => {
    const seen: string[] = []
    const runs = [async () => run(3, 0), async () => run(4, 2)]
    const events = []
    for await (const { type, data } of inTurn(runs, event => seen.push(event.type)))
      events.push(`${type} ${data.message ?? ''}`.trim())
    assert.deepEqual(events, [
      'test:pass',
      'test:diagnostic a word of a test',
      'test:fail',
      'test:diagnostic a word of a test',
      'test:diagnostic pass 7',
      'test:diagnostic fail 2',
      'test:summary',
    ])
    assert.ok(seen.includes('test:fail'))
  })
})
