import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { GroupError } from '#src/shared/errors.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { silentLogger } from '#src/shared/logger.js'
import { Feeds } from '#src/worker/feed/feeds.js'
import { LaneInbox, type InboxItem } from '#src/worker/feed/lane-inbox.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'
import {
  startFetchingBroker,
  type FetchingBroker,
  type ReceivedFetch,
} from '../../../support/fetching-broker.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'
import { encodeBatch } from '../../../support/record-batches.ts'

const MAX_WAIT_MS = 400
const FETCH_BYTES = 64 * 1024
const SETTINGS = {
  maxBufferedBytes: 2 ** 20,
  maxBytesPerPartition: FETCH_BYTES,
  maxWaitMs: MAX_WAIT_MS,
  minBytes: 1,
  readCommitted: true,
}
const QUICKLY = { intervalMs: 1, deadlineMs: 5000 }

class Thread {
  readonly feeds: Feeds
  readonly stale: string[] = []
  readonly troubled: GroupError[] = []
  resolve: (position: number) => Promise<number> = () => Promise.reject(new Error('nobody asked'))
  readonly #inboxes: LaneInbox[] = []
  readonly #brokers = new Set<FetchingBroker>()

  /** What happens instead of opening a connection. */
  refusal: GroupError | null = null

  constructor(t: TestContext) {
    this.feeds = new Feeds(SETTINGS, {
      openConnection: (address, signal) =>
        this.refusal !== null
          ? Promise.reject(this.refusal)
          : openBrokerConnection({ address, options: connectionOptions(), logger: silentLogger, signal }),
      leadersStale: reason => this.stale.push(reason),
      troubled: (_inbox, error) => this.troubled.push(error),
      resolveOutOfRange: (_lane, position) => this.resolve(position),
    })
    atEnd(t, () => {
      for (const inbox of this.#inboxes) inbox.close()
      this.feeds.close()
    })
  }

  /** The broker of each partition; null: nobody leads it. Node ids are given in the order in which brokers come. */
  lead(...leaders: (FetchingBroker | null)[]): void {
    for (const leader of leaders) if (leader !== null) this.#brokers.add(leader)
    const known = [...this.#brokers]
    const brokers = known.map(({ host, port }, nodeId) => ({ nodeId, host, port }))
    const nodeIds = leaders.map(leader => (leader === null ? -1 : known.indexOf(leader)))
    this.feeds.updateLeaders({ brokers, leaders: { t: nodeIds } })
  }

  /** All partitions on one broker. */
  leadAll(broker: FetchingBroker): void {
    const brokers = [{ nodeId: 0, host: broker.host, port: broker.port }]
    this.feeds.updateLeaders({ brokers, leaders: { t: [0, 0, 0, 0, 0, 0, 0, 0] } })
  }

  lane(partition: number, position = 0): LaneInbox {
    const inbox: LaneInbox = new LaneInbox({
      lane: { topic: 't', partition, epoch: 1n, lane: 0 },
      position,
      maxBatchBytes: 2 ** 20,
      listener: { arrived() {}, changed: () => this.feeds.changed(inbox), sawEnd() {}, dropped() {} },
    })
    this.#inboxes.push(inbox)
    this.feeds.attach(inbox)
    return inbox
  }
}

function records(from: number, count = 1, bytesEach = 100): Buffer {
  const list = Array.from({ length: count }, (_, i) => ({ offset: from + i, value: Buffer.alloc(bytesEach) }))
  return encodeBatch({ records: list })
}

function drained(inbox: LaneInbox): InboxItem[] {
  const items: InboxItem[] = []
  for (let item = inbox.take(); item !== undefined; item = inbox.take()) items.push(item)
  return items
}

/** Partition 0 fails whenever it is asked for: how long after each failure the next request for partition 1 goes out. */
async function delaysBeside(t: TestContext): Promise<number[]> {
  let held: ReceivedFetch | undefined
  let failedAtMs = 0
  const delaysMs: number[] = []
  const broker = await startFetchingBroker(t, fetch => {
    if (!fetch.asked.includes(0)) {
      delaysMs.push(fetch.atMs - failedAtMs)
      held = fetch
      return
    }
    fetch.answer({ partition: 0, errorCode: 6 })
    held?.answer({ partition: 1, records: records(held.partitions[0]!.offset) })
    failedAtMs = fetch.atMs
  })
  const thread = new Thread(t)
  thread.leadAll(broker)
  thread.lane(0)
  thread.lane(1)
  return eventually(() => (delaysMs.length >= 2 ? delaysMs : undefined), QUICKLY)
}

describe('fetching from a leader', () => {
  it('waits long for all its partitions in one request, one at a time', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    thread.lane(0, 5)
    thread.lane(1)
    const fetch = await eventually(() => broker.fetches[0], QUICKLY)
    assert.equal(fetch.maxWaitMs, MAX_WAIT_MS)
    assert.deepEqual(
      fetch.partitions.map(of => [of.partition, of.offset]),
      [
        [0, 5],
        [1, 0],
      ],
    )
    await delay(50)
    assert.equal(broker.fetches.length, 1)
  })

  it('has its connections before the first lane comes', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    await eventually(() => broker.sockets.length === 2, QUICKLY)
    thread.lane(0)
    thread.lane(1)
    await eventually(() => broker.fetches.length > 0, QUICKLY)
    assert.equal(broker.sockets.length, 2)
  })

  it('asks for the next records while those it got are still to be handled', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0)
    const first = await eventually(() => broker.fetches[0], QUICKLY)
    first.answer({ partition: 0, records: records(0, 10) })
    const second = await eventually(() => broker.fetches[1], QUICKLY)
    assert.equal(second.partitions[0]!.offset, 10)
    assert.equal(inbox.isEmpty, false)
  })

  it('serves a partition that comes during a long poll at once, on a second connection, and waits only briefly there', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    thread.lane(0)
    const poll = await eventually(() => broker.fetches[0], QUICKLY)
    const inbox = thread.lane(1)
    const quick = await eventually(() => broker.fetches[1], QUICKLY)
    assert.deepEqual(quick.asked, [1])
    assert.ok(quick.maxWaitMs <= 25)
    assert.notEqual(quick.connection, poll.connection)
    quick.answer({ partition: 1, records: records(0) })
    await eventually(() => !inbox.isEmpty, QUICKLY)
    assert.equal(poll.isAnswered, false)
  })

  it('brings the two together again when the long poll ends, empty or with a few records', async t => {
    for (const brought of [[], [{ partition: 0, records: records(0) }]]) {
      const broker = await startFetchingBroker(t)
      const thread = new Thread(t)
      thread.leadAll(broker)
      thread.lane(0)
      const poll = await eventually(() => broker.fetches[0], QUICKLY)
      thread.lane(1)
      const quick = await eventually(() => broker.fetches[1], QUICKLY)
      poll.answer(...brought)
      await nextTurn()
      quick.answer()
      const together = await eventually(() => broker.fetches[2], QUICKLY)
      assert.deepEqual([together.asked, together.maxWaitMs], [[0, 1], MAX_WAIT_MS])
      await delay(50)
      assert.equal(broker.fetches.length, 3, 'the quick connection rests')
    }
  })

  it('is not held up by a quick request that gets no answer', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0)
    const poll = await eventually(() => broker.fetches[0], QUICKLY)
    thread.lane(1)
    await eventually(() => broker.fetches[1], QUICKLY)
    poll.answer({ partition: 0, records: records(0) })
    const next = await eventually(() => broker.fetches[2], QUICKLY)
    assert.deepEqual([next.asked, next.partitions[0]!.offset], [[0], 1])
    assert.equal(inbox.isEmpty, false)
  })

  it('brings the two together again also where the way to the broker and back is long', async t => {
    const ROUND_TRIP_MS = 80
    let isOpen = true
    const broker = await startFetchingBroker(t, fetch => {
      setTimeout(() => isOpen && fetch.answer(), fetch.maxWaitMs + ROUND_TRIP_MS)
    })
    atEnd(t, () => (isOpen = false))
    const thread = new Thread(t)
    thread.leadAll(broker)
    thread.lane(0)
    await eventually(() => broker.fetches.length === 1, QUICKLY)
    thread.lane(1)
    const isTogether = (fetch: ReceivedFetch): boolean =>
      fetch.asked.length === 2 && fetch.maxWaitMs === MAX_WAIT_MS
    await eventually(() => broker.fetches.some(isTogether), QUICKLY)
  })

  it('asks for no more while a lane is full, and again as soon as it has room', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0)
    const half = records(0, 1, FETCH_BYTES - 200)
    const first = await eventually(() => broker.fetches[0], QUICKLY)
    first.answer({ partition: 0, records: half })
    const second = await eventually(() => broker.fetches[1], QUICKLY)
    second.answer({ partition: 0, records: records(1, 1, FETCH_BYTES - 200) })
    await eventually(() => inbox.bufferedBytes > FETCH_BYTES, QUICKLY)
    await delay(30)
    assert.equal(broker.fetches.length, 2)
    inbox.take() // works on the first: its bytes are still there
    await delay(30)
    assert.equal(broker.fetches.length, 2)
    inbox.take()
    await eventually(() => broker.fetches.length === 3, QUICKLY)
  })

  it('asks for less while a part of the budget is used elsewhere, but has half of it whatever is', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const { share } = thread.feeds
    thread.feeds.reserve(SETTINGS.maxBufferedBytes / 4)
    thread.lane(0)
    assert.equal(thread.feeds.spareBytes, (SETTINGS.maxBufferedBytes * 3) / 4)
    thread.feeds.reserve(SETTINGS.maxBufferedBytes)
    assert.equal(thread.feeds.spareBytes, SETTINGS.maxBufferedBytes / 2)
    const least = thread.feeds.share.shareBytes
    thread.feeds.reserve((-5 * SETTINGS.maxBufferedBytes) / 4)
    assert.equal(thread.feeds.spareBytes, SETTINGS.maxBufferedBytes)
    assert.deepEqual(thread.feeds.share, share)
    assert.ok(least <= share.shareBytes && least <= SETTINGS.maxBufferedBytes / 2, `${least}`)
  })

  it('asks on both connections while there is a backlog, each for other partitions', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    for (const partition of [0, 1, 2, 3]) thread.lane(partition)
    const first = await eventually(() => broker.fetches[0], QUICKLY)
    first.answer({ partition: 0, records: records(0, 1, FETCH_BYTES - 200) })
    const [poll, quick] = await eventually(
      () => broker.fetches.length === 3 && broker.fetches.slice(1),
      QUICKLY,
    )
    assert.deepEqual(
      [poll!.asked, quick!.asked],
      [
        [1, 2],
        [0, 3],
      ],
    )
    assert.notEqual(poll!.connection, quick!.connection)
  })

  it('puts whoever was served last at the end of the next request', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    for (const partition of [0, 1, 2]) thread.lane(partition)
    const first = await eventually(() => broker.fetches[0], QUICKLY)
    first.answer({ partition: 0, records: records(0) })
    const second = await eventually(() => broker.fetches[1], QUICKLY)
    assert.deepEqual(
      second.partitions.map(of => of.partition),
      [1, 2, 0],
    )
  })

  it('makes no loop of a broker that answers at once with nothing', async t => {
    const broker = await startFetchingBroker(t, fetch => fetch.answer())
    const thread = new Thread(t)
    thread.leadAll(broker)
    thread.lane(0)
    await delay(500)
    assert.ok(broker.fetches.length <= 10, `${broker.fetches.length} requests in half a second`)
  })

  it('ignores what comes for a lane that is gone', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const gone = thread.lane(0)
    const other = thread.lane(1)
    const fetch = await eventually(() => broker.fetches[0], QUICKLY)
    thread.feeds.detach(gone)
    gone.close()
    fetch.answer({ partition: 0, records: records(0) }, { partition: 1, records: records(0) })
    await eventually(() => !other.isEmpty, QUICKLY)
    assert.equal(gone.isEmpty, true)
  })
})

describe('an error that a broker gives for one partition', () => {
  it('is told once when the leader is stale, keeps the offset, and ends with the next leader', async t => {
    const old = await startFetchingBroker(t, fetch =>
      fetch.answer({ partition: 0, errorCode: 6 }, { partition: 1, errorCode: 6 }),
    )
    const next = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.lead(old, old)
    const inbox = thread.lane(0, 42)
    thread.lane(1, 43)
    await eventually(() => thread.stale.length > 0, QUICKLY)
    assert.equal(inbox.isInTrouble, true)
    await delay(100)
    assert.equal(thread.stale.length, 1)
    thread.lead(next, next)
    const fetch = await eventually(() => next.fetches[0], QUICKLY)
    assert.deepEqual(
      fetch.partitions.map(of => of.offset),
      [42, 43],
    )
    assert.equal(inbox.isInTrouble, false)
  })

  it('does not hold up the other partitions of the answer', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const bad = thread.lane(0)
    const good = thread.lane(1)
    const fetch = await eventually(() => broker.fetches[0], QUICKLY)
    fetch.answer({ partition: 0, errorCode: 6 }, { partition: 1, records: records(0) })
    await eventually(() => !good.isEmpty, QUICKLY)
    assert.equal(bad.isInTrouble, true)
    assert.equal(good.isInTrouble, false)
    const next = await eventually(() => broker.fetches[1], QUICKLY)
    assert.deepEqual(next.asked, [1])
  })

  it('does not hold up the others while it comes again and again', async t => {
    const runs = [await delaysBeside(t), await delaysBeside(t), await delaysBeside(t)]
    for (const [request, what] of ['on the poll link', 'on the quick link'].entries()) {
      const leastMs = Math.min(...runs.map(delaysMs => delaysMs[request]!))
      assert.ok(leastMs < 6, `${what} it costs the good partition ${leastMs} ms at least`)
    }
  })

  it('asks the coordinator where to go on when the position is out of range, and goes on there', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    thread.resolve = position => Promise.resolve(position + 100)
    const inbox = thread.lane(0, 7)
    const fetch = await eventually(() => broker.fetches[0], QUICKLY)
    fetch.answer({ partition: 0, errorCode: 1 })
    const next = await eventually(() => broker.fetches[1], QUICKLY)
    assert.equal(next.partitions[0]!.offset, 107)
    assert.deepEqual(drained(inbox), [{ type: 'jump', offset: 107 }])
  })

  it('never goes back under the same claim', async t => {
    const broker = await startFetchingBroker(t, fetch => fetch.answer({ partition: 0, errorCode: 1 }))
    const thread = new Thread(t)
    thread.leadAll(broker)
    thread.resolve = () => Promise.resolve(3)
    const inbox = thread.lane(0, 7)
    await eventually(() => !inbox.isEmpty, QUICKLY)
    const [item] = drained(inbox)
    assert.ok(item?.type === 'failure' && item.error.code === 'OFFSET_OUT_OF_RANGE')
    assert.deepEqual(item.error.details, { topic: 't', partition: 0, offset: 7, target: 3 })
  })

  it('stops the lane with what the coordinator refuses with, and tries again when that may pass', async t => {
    const broker = await startFetchingBroker(t, fetch => fetch.answer({ partition: 0, errorCode: 1 }))
    const thread = new Thread(t)
    thread.leadAll(broker)
    let asked = 0
    thread.resolve = () => {
      asked += 1
      const code = asked < 3 ? 'BROKER_DISCONNECTED' : 'OFFSET_OUT_OF_RANGE'
      return Promise.reject(new GroupError(code, 'from the coordinator'))
    }
    const inbox = thread.lane(0, 7)
    await eventually(() => !inbox.isEmpty, QUICKLY)
    const [item] = drained(inbox)
    assert.ok(item?.type === 'failure' && item.error.message === 'from the coordinator')
    assert.equal(asked, 3)
  })

  it('stops the lane when trying again changes nothing', async t => {
    const broker = await startFetchingBroker(t, fetch => fetch.answer({ partition: 0, errorCode: 29 }))
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0, 7)
    await eventually(() => !inbox.isEmpty, QUICKLY)
    const [item] = drained(inbox)
    assert.ok(item?.type === 'failure' && item.error.code === 'FETCH_REFUSED')
    assert.match(item.error.message, /t\/0 at offset 7: TOPIC_AUTHORIZATION_FAILED \(29\)/)
    await delay(50)
    assert.equal(broker.fetches.length, 1)
  })
})

describe('a leader that cannot be reached', () => {
  it('is told, shown as trouble, and tried again with pauses', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0)
    await eventually(() => broker.fetches.length === 1, QUICKLY)
    await broker.stop()
    await eventually(() => inbox.isInTrouble, QUICKLY)
    await eventually(() => thread.stale.length > 0, QUICKLY)
    await delay(400)
    assert.ok(thread.stale.length <= 3, `${thread.stale.length} notices`)
    assert.equal(thread.troubled.length, 0)
  })

  it('is told once, and only for whom it concerns, while one connection to it works and the other is refused', async t => {
    const broker = await startFetchingBroker(t, fetch => {
      setTimeout(() => fetch.answer(), fetch.maxWaitMs)
    })
    const thread = new Thread(t)
    thread.lane(0)
    thread.leadAll(broker)
    await eventually(() => broker.fetches.length === 1, QUICKLY)
    thread.refusal = new GroupError('BROKER_REFUSED', 'no more connections')
    const late = thread.lane(1)
    await eventually(() => thread.stale.length > 0, QUICKLY)
    await eventually(() => broker.fetches.length >= 4, { ...QUICKLY, message: () => 'long polls go on' })
    assert.deepEqual(thread.troubled, [thread.refusal])
    assert.equal(late.isInTrouble, false)
  })

  it('is fetched from again when only the connection was lost', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0, 3)
    await eventually(() => broker.fetches.length === 1, QUICKLY)
    for (const socket of broker.sockets) socket.destroy()
    const again = await eventually(() => broker.fetches[1], QUICKLY)
    assert.equal(again.partitions[0]!.offset, 3)
    again.answer({ partition: 0, records: records(3) })
    await eventually(() => !inbox.isEmpty && !inbox.isInTrouble, QUICKLY)
  })

  it('is asked for, again and again, while a partition has none', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.lead(null)
    const inbox = thread.lane(0)
    assert.equal(inbox.isInTrouble, true)
    await eventually(() => thread.stale.length >= 2, QUICKLY)
    thread.lead(broker)
    await eventually(() => broker.fetches.length === 1, QUICKLY)
    assert.equal(inbox.isInTrouble, false)
    const notices = thread.stale.length
    await delay(400)
    assert.equal(thread.stale.length, notices)
  })

  it('is left at once when it has another address now', async t => {
    const before = await startFetchingBroker(t)
    const after = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(before)
    thread.lane(0)
    await eventually(() => before.fetches.length === 1, QUICKLY)
    thread.leadAll(after)
    await eventually(() => after.fetches.length === 1, QUICKLY)
    await eventually(() => before.sockets.every(socket => socket.destroyed), QUICKLY)
  })

  it('keeps no connection once nobody needs it', async t => {
    const broker = await startFetchingBroker(t)
    const thread = new Thread(t)
    thread.leadAll(broker)
    const inbox = thread.lane(0)
    await eventually(() => broker.fetches.length === 1, QUICKLY)
    thread.feeds.detach(inbox)
    await eventually(() => broker.sockets.every(socket => socket.destroyed), QUICKLY)
  })
})
