import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupError } from '#src/shared/errors.js'
import { LaneInbox, type FetchedRecords } from '#src/worker/feed/lane-inbox.js'
import { encodeBatch } from '../../../support/record-batches.ts'

function inbox(position = 0): { inbox: LaneInbox; heard: string[] } {
  const heard: string[] = []
  const lane = { topic: 't', partition: 0, epoch: 1n, lane: 0 }
  const listener = {
    arrived: () => heard.push('arrived'),
    changed: () => heard.push('changed'),
    sawEnd: (offset: number) => heard.push(`end ${offset}`),
    dropped: (bytes: number) => heard.push(`dropped ${bytes}`),
  }
  return { inbox: new LaneInbox({ lane, position, maxBatchBytes: 2 ** 20, listener }), heard }
}

function fetched(records: Buffer, fetchOffset: number, endOffset = 1000): FetchedRecords {
  return { records, fetchOffset, aborted: [], endOffset, wholeBytes: 0 }
}

function batch(...offsets: number[]): Buffer {
  return encodeBatch({ records: offsets.map(offset => ({ offset, value: Buffer.alloc(100) })) })
}

describe('the inbox of a lane', () => {
  it('moves its position behind the last whole batch, so that the next fetch can go out at once', () => {
    const { inbox: box, heard } = inbox()
    const whole = batch(0, 1, 2)
    assert.equal(box.accept(fetched(Buffer.concat([whole, batch(3, 4).subarray(0, 70)]), 0)), true)
    assert.equal(box.position, 3)
    assert.equal(box.bufferedBytes, whole.length)
    assert.deepEqual(heard, ['changed', 'arrived'])
  })

  it('tells what is no longer needed once the next item is taken', () => {
    const { inbox: box, heard } = inbox()
    const first = batch(0)
    box.accept(fetched(first, 0))
    box.accept(fetched(batch(1), 1))
    box.take()
    assert.ok(!heard.includes(`dropped ${first.length}`))
    box.take()
    assert.equal(heard.filter(what => what === `dropped ${first.length}`).length, 1)
  })

  it('takes records that hold nothing new for nothing, so that nobody asks for them in a loop', () => {
    const { inbox: box } = inbox(10)
    assert.equal(box.accept(fetched(batch(3, 4, 5), 10)), false)
    assert.equal(box.accept(fetched(Buffer.alloc(0), 10)), false)
    assert.equal(box.isEmpty, true)
    assert.equal(box.position, 10)
    box.close()
  })

  it('remembers how much it takes to get a batch that came cut, until it came whole', () => {
    const { inbox: box } = inbox()
    const whole = batch(0, 1, 2)
    assert.equal(box.accept(fetched(whole.subarray(0, 80), 0)), false)
    assert.equal(box.neededBytes, whole.length)
    assert.equal(box.accept(fetched(whole, 0)), true)
    assert.equal(box.neededBytes, 0)
  })

  it('asks for nothing behind damaged bytes, and hands out the error behind what is good', () => {
    const { inbox: box } = inbox()
    const damaged = batch(1)
    damaged.writeInt32BE(-1, 8)
    assert.equal(box.accept(fetched(Buffer.concat([batch(0), damaged]), 0)), true)
    assert.equal(box.isFetchable, false)
    assert.deepEqual([box.take()?.type, box.take()?.type, box.take()], ['chunk', 'failure', undefined])
  })

  it('is in trouble, and not asked for in a loop, when a broker sends whole batches that it has', () => {
    const { inbox: box } = inbox(10)
    box.setReachable(true)
    assert.equal(box.accept(fetched(batch(3, 4, 5), 10)), false)
    assert.deepEqual([box.isFetchable, box.isInTrouble], [false, true])
    box.close()
  })

  it('believes a batch beyond the end of the partition once that has caught up: brokers look it up before they read', () => {
    const { inbox: box } = inbox()
    const records = Buffer.concat([batch(0), batch(1)])
    assert.equal(box.accept(fetched(records, 0, 1)), true)
    assert.equal(box.position, 1)
    assert.equal(box.accept(fetched(batch(1), 1, 1)), true)
    assert.deepEqual([box.position, box.isFetchable], [1, true])
    assert.equal(box.accept(fetched(batch(1), 1, 2)), true)
    assert.equal(box.position, 2)
    assert.deepEqual([box.take()?.type, box.take()?.type, box.take()], ['chunk', 'chunk', undefined])
  })

  it('takes a batch for damaged that stays beyond the end of the partition', () => {
    const { inbox: box } = inbox()
    for (let answers = 1; answers <= 5; answers += 1) {
      assert.equal(box.isFetchable, true)
      box.accept(fetched(batch(7), 0, 7))
    }
    assert.equal(box.isFetchable, false)
    const item = box.take()
    assert.ok(item?.type === 'failure' && item.error.code === 'BATCH_CORRUPT')
  })

  it('asks where to go on only when all that it has was handled', () => {
    const { inbox: box, heard } = inbox()
    box.accept(fetched(batch(0), 0))
    box.askWhenEmpty(() => heard.push('asked'))
    assert.equal(box.isFetchable, false)
    assert.equal(box.take()?.type, 'chunk')
    assert.ok(!heard.includes('asked'), 'the lane still works on the last chunk')
    assert.equal(box.take(), undefined)
    assert.equal(heard.filter(what => what === 'asked').length, 1)
    const { inbox: empty, heard: heardToo } = inbox()
    empty.askWhenEmpty(() => heardToo.push('asked'))
    assert.ok(heardToo.includes('asked'))
  })

  it('asks not before what is counted elsewhere was handled, and then at the next look for more', () => {
    let isInHand = true
    let asked = 0
    const lane = { topic: 't', partition: 0, epoch: 1n, lane: 0 }
    const listener = { arrived() {}, changed() {}, sawEnd() {}, dropped() {} }
    const box = new LaneInbox({
      lane,
      position: 0,
      maxBatchBytes: 2 ** 20,
      listener,
      isInHand: () => isInHand,
    })
    box.askWhenEmpty(() => (asked += 1))
    box.take()
    assert.deepEqual([asked, box.waitsToAsk], [0, true])
    isInHand = false
    box.take()
    box.take()
    assert.deepEqual([asked, box.waitsToAsk], [1, false])
  })

  it('counts what an open batch takes decompressed, until the next one is opened', () => {
    const { inbox: box, heard } = inbox()
    const bytes = batch(0)
    box.accept(fetched(bytes, 0))
    box.take()
    box.openedBatch(5000)
    assert.equal(box.bufferedBytes, bytes.length + 5000)
    box.openedBatch(0)
    assert.equal(box.bufferedBytes, bytes.length)
    assert.ok(heard.includes('dropped 5000'))
  })

  it('rests after an error that may pass, longer each time, and opens again by itself', t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    t.mock.method(Math, 'random', () => 1)
    const { inbox: box } = inbox()
    box.setReachable(true)
    for (const pauseMs of [50, 100, 200]) {
      box.rest('moved')
      assert.equal(box.isFetchable, false)
      assert.equal(box.isInTrouble, true)
      t.mock.timers.tick(pauseMs - 1)
      assert.equal(box.isFetchable, false)
      t.mock.timers.tick(1)
      assert.equal(box.isFetchable, true)
    }
    box.answered(7)
    box.rest('moved')
    t.mock.timers.tick(50)
    assert.equal(box.isFetchable, true)
  })

  it('hands out an error only behind what came before it, and nothing after it', () => {
    const { inbox: box } = inbox()
    box.accept(fetched(batch(0), 0))
    box.fail(new GroupError('FETCH_REFUSED', 'no'))
    assert.deepEqual([box.take()?.type, box.take()?.type, box.take()], ['chunk', 'failure', undefined])
    assert.equal(box.isFetchable, false)
  })

  it('is not fetched for while it is paused, but keeps what it has and takes what is under way', () => {
    const { inbox: box } = inbox()
    box.setPaused(true)
    assert.equal(box.isFetchable, false)
    assert.equal(box.isOpen, true)
    assert.equal(box.accept(fetched(batch(0), 0)), true)
    box.setPaused(false)
    assert.equal(box.isFetchable, true)
    assert.equal(box.isEmpty, false)
  })

  it('drops everything when it is closed, once', () => {
    const { inbox: box, heard } = inbox()
    box.accept(fetched(batch(0), 0))
    box.close()
    box.close()
    assert.equal(box.bufferedBytes, 0)
    assert.equal(box.take(), undefined)
    assert.equal(box.isClosed, true)
    assert.equal(heard.filter(what => what === 'changed').length, 2)
  })
})
