import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { UnrecoverableError, type KafkaRecord } from '#src/handler.js'
import { GroupError } from '#src/shared/errors.js'
import { RetryJudge } from '#src/worker/attempts/retry-judge.js'
import { HOSTILE } from '../../../support/hostile.ts'

const SETTINGS = { attempts: 3, backoffMs: 100, maxBackoffMs: 1000, jitter: 0 }
const PLACE = { topic: 't', partition: 1, offset: 7, attempt: 1, threadId: 2 }
const RECORD = {} as KafkaRecord

type Rule = (attempt: number, error: unknown, record: KafkaRecord) => unknown

function judge(
  rule?: Rule,
  thrown: unknown = new Error('no'),
  attempt = 1,
): { verdict: unknown; troubles: GroupError[] } {
  const troubles: GroupError[] = []
  const judged = new RetryJudge({
    settings: SETTINGS,
    rule: rule as () => number,
    troubled: error => troubles.push(error),
  })
  return { verdict: judged.judge(RECORD, { ...PLACE, attempt }, thrown), troubles }
}

describe('whether a record is run again', () => {
  it('is a question of the attempts that are left, after the backoff of the options', () => {
    assert.deepEqual(
      [1, 2, 3, 4].map(attempt => judge(undefined, new Error('no'), attempt).verdict),
      [100, 200, 'give-up', 'give-up'],
    )
  })

  it('is decided by the rule of the module, which is told the attempt, the error and the record', () => {
    const error = new Error('no')
    const asked: unknown[] = []
    const rule = (...given: unknown[]): number => {
      asked.push(given)
      return 7
    }
    assert.deepEqual(judge(rule, error, 2), { verdict: 7, troubles: [] })
    assert.deepEqual(asked, [[2, error, RECORD]])
    assert.equal(judge(() => 'give-up').verdict, 'give-up')
    assert.equal(judge(() => 0).verdict, 0)
    assert.equal(judge(() => 6.5).verdict, 7)
  })

  it('does not ask the rule when no attempt is left', () => {
    const { verdict, troubles } = judge(() => assert.fail('asked'), new Error('no'), 3)
    assert.deepEqual([verdict, troubles], ['give-up', []])
  })

  const useless: [what: string, rule: Rule, words: RegExp][] = [
    ['NaN', () => NaN, /answered NaN/],
    ['a negative number', () => -1, /answered -1/],
    ['infinity', () => Infinity, /answered Infinity/],
    ['more than a timer can wait', () => 2 ** 31, /answered 2147483648/],
    ['nothing', () => undefined, /answered undefined/],
    ['another word', () => 'giveup', /answered 'giveup'/],
    ['a promise', () => Promise.resolve(5), /answered a promise/],
    ['a promise that rejects', () => Promise.reject(new Error('late')), /answered a promise/],
    ['an object', () => ({ delayMs: 5 }), /answered a object|answered an object/],
    [
      'a thenable that bites',
      () => ({
        get then() {
          throw new Error('trap')
        },
      }),
      /answered an? object|threw: trap/,
    ],
  ]
  for (const [what, rule, words] of useless) {
    it(`follows the options, and tells so, when the rule answers ${what}`, async () => {
      const { verdict, troubles } = judge(rule)
      assert.equal(verdict, 100)
      assert.deepEqual(
        troubles.map(({ code, details }) => [code, details]),
        [['RETRY_RULE_FAILED', PLACE]],
      )
      assert.match(troubles[0]!.message, words)
      await nextTurn() // a rejection that nobody handled would end the process here
    })
  }

  for (const [what, make] of Object.entries(HOSTILE)) {
    it(`follows the options, and tells so, when the rule throws ${what}`, () => {
      const { verdict, troubles } = judge(() => {
        throw make()
      })
      assert.equal(verdict, 100)
      assert.match(
        troubles[0]!.message,
        /^'retry' of the handler module, asked about t\/1 at offset 7, threw: ./,
      )
    })

    it(`is yes after ${what}`, () => {
      assert.equal(judge(undefined, make()).verdict, 100)
    })
  }

  it('is no at once after an UnrecoverableError, whichever copy or realm it is of, and whatever the rule says', () => {
    class UnrecoverableCopy extends Error {
      override readonly name = 'UnrecoverableError'
    }
    class OfTheUser extends UnrecoverableError {}
    const foreign: unknown = runInNewContext("Object.assign(new Error('no'), { name: 'UnrecoverableError' })")
    const inDecoder = new GroupError('DECODE_FAILED', 'no', { cause: new UnrecoverableError('no') })
    for (const thrown of [
      new UnrecoverableError('no'),
      new UnrecoverableCopy('no'),
      new OfTheUser('no'),
      foreign,
      inDecoder,
    ])
      assert.deepEqual(
        judge(() => assert.fail('asked'), thrown),
        { verdict: 'give-up', troubles: [] },
      )
  })
})
