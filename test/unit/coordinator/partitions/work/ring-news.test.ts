import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { RingNews } from '#src/coordinator/partitions/work/ring-news.js'
import { toWire } from '#src/shared/error-wire.js'

const ERROR = toWire(new Error('no'))
const A = { offset: 5, attempts: 1 }
const B = { offset: 9, attempts: 0 }

describe('what a thread that takes a seat is told', () => {
  let news: RingNews

  beforeEach(() => {
    news = new RingNews(() => [A])
  })

  it('is what failed the last attempts of all that is in hand, whoever takes it', () => {
    news.failed(A, ERROR)
    assert.deepEqual(news.forSeat([A, B], []), { lastFailures: [{ offset: 5, error: ERROR }], suspects: [] })
  })

  it('is which records of the seat may have ended its thread, each for longer the more often', () => {
    news.suspect(A)
    news.suspect(B)
    const [first] = news.forSeat([A, B], [A]).suspects
    assert.equal(first!.offset, 5)
    news.suspect(A)
    const [again] = news.forSeat([A, B], [A]).suspects
    assert.equal(again!.forMs, 2 * first!.forMs)
  })

  it('keeps what failed a record before it came under suspicion', () => {
    news.failed(A, ERROR)
    news.suspect(A)
    const { lastFailures, suspects } = news.forSeat([A], [A])
    assert.deepEqual([lastFailures.length, suspects.length], [1, 1])
  })

  it('is kept for what is in hand only, however many records fail', () => {
    news.failed(A, ERROR)
    const others = Array.from({ length: 10_000 }, (_, at) => ({ offset: 100 + at, attempts: 1 }))
    for (const record of others) news.failed(record, ERROR)
    const { lastFailures } = news.forSeat([A, ...others], [])
    assert.equal(lastFailures[0]!.offset, A.offset)
    assert.ok(lastFailures.length < 1_000, `${lastFailures.length} records are known of`)
  })

  it('is nothing of a record that has failed since, or is finished', () => {
    news.failed(A, ERROR)
    news.suspect(B)
    const since = [{ ...A, attempts: 2 }]
    assert.deepEqual(news.forSeat(since, since), { lastFailures: [], suspects: [] })
    assert.deepEqual(news.forSeat([A, B], [A, B]).suspects, [], 'B was finished in between')
  })
})
