import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { HEADER } from '#src/shared/memory/ring/ring-layout.js'
import { clearSeat, readRing, readSeat } from '#src/shared/memory/ring/read-ring.js'
import type { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { readRawHeaders } from '#src/worker/decode/record-headers.js'
import { LaneRecord } from '#src/worker/record.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { SeatMemory } from '#src/worker/ring/seat-memory.js'
import { readerOf, smallRing } from '../../../support/ring.js'
import { varint } from '../../../support/record-batches.js'
import { within } from '../../../support/within.js'

const ORIGIN = { topic: 't', partition: 0, decode: (bytes: Buffer): Buffer => bytes }
const DEADLINE_MS = 10_000

const bytes = fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array))

/** `count` lanes of a ring that a feeder and a seat have begun with. */
function begin(count = 1, shape: Parameters<typeof smallRing>[0] = {}) {
  const memory = smallRing(shape, { frontiers: new Array<number>(count).fill(0), inHand: [] }, 0)
  return {
    memory,
    writer: new RingWriter(memory),
    seat: new SeatMemory(memory, 0),
    other: new SeatMemory(memory, 1),
  }
}

function append(writer: RingWriter, offset: number, lane = 0, valueBytes = 8): boolean {
  const isAppended = writer.append(readerOf({ offset, value: Buffer.alloc(valueBytes) }), lane, offset)
  if (isAppended) writer.publish(offset + 1)
  return isAppended
}

/** Appends until nothing fits; the offset of the first record that did not. */
function fill(writer: RingWriter, valueBytes = 8): number {
  let offset = 0
  while (append(writer, offset, 0, valueBytes)) offset++
  return offset
}

/** After a turn of the event loop. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const turn = nextTurn('pending')
  return (await Promise.race([promise, turn])) === 'pending'
}

describe('a record in a ring', () => {
  it('comes back as it was, in memory of its own', () => {
    const records = fc.record({
      offset: fc.oneof(fc.nat(), fc.constant(2 ** 53 - 2)),
      timestamp: fc.oneof(fc.integer(), fc.constant(2 ** 42)),
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.option(bytes, { nil: undefined }),
    })
    fc.assert(
      fc.property(records, expected => {
        const { memory, writer, seat } = begin(1, { dataBytes: 1024 })
        assert.ok(writer.append(readerOf(expected), 0, 7))
        const taken = seat.take()!
        const reader = seat.read(taken)
        memory.data.fill(255)
        const record = new LaneRecord(ORIGIN, reader)
        assert.equal(record.offset, BigInt(expected.offset))
        assert.equal(record.timestamp, expected.timestamp)
        assert.deepEqual(record.key, expected.key)
        assert.deepEqual(record.value, expected.value)
        assert.equal(reader.headersStart >= 0, expected.headers !== undefined)
        assert.deepEqual(
          reader.bytes.subarray(Math.max(reader.headersStart, 0), Math.max(reader.headersEnd, 0)),
          expected.headers ?? Buffer.alloc(0),
        )
        assert.equal(taken.hash, expected.key === null ? null : 7)
      }),
    )
  })

  it('has its headers', () => {
    const { writer, seat } = begin()
    const headers = Buffer.concat([varint(1), varint(1), Buffer.from('a'), varint(-1)])
    writer.append(readerOf({ offset: 0, headers }), 0, 0)
    const raw = seat.read(seat.take()!)
    assert.deepEqual(readRawHeaders(raw.bytes, raw.headersStart, raw.headersEnd), [['a', null]])
    assert.deepEqual({ ...new LaneRecord(ORIGIN, raw).headers }, { a: Buffer.alloc(0) })
  })
})

describe('the room of a ring', () => {
  it('is used up by bytes', () => {
    const { writer } = begin()
    assert.equal(fill(writer, 100), 2) // 256 bytes, and 128 for each
  })

  it('is used up by records', () => {
    const { writer } = begin(1, { dataBytes: 4096 })
    assert.equal(fill(writer), 8)
  })

  it('takes a record as large as all of it, once nothing else is kept, and no larger one', () => {
    const { writer, seat } = begin()
    const largest = readerOf({ offset: 1, value: Buffer.alloc(256 - 24) })
    assert.equal(writer.bytesOf(largest), writer.capacityBytes)
    append(writer, 0)
    assert.equal(writer.append(largest, 0, 0), false)
    seat.finish(seat.take()!.slot)
    assert.ok(writer.append(largest, 0, 0))
    seat.finish(seat.take()!.slot)
    const tooLarge = readerOf({ offset: 2, value: Buffer.alloc(256 - 23) })
    assert.ok(writer.bytesOf(tooLarge) > writer.capacityBytes)
    assert.equal(writer.append(tooLarge, 0, 0), false)
  })

  it('is taken up by a record until it is finished, wherever the others are', () => {
    const { writer, seat } = begin(2)
    append(writer, 0, 1)
    const stuck = seat.take()!
    for (let offset = 1; append(writer, offset); offset++) seat.finish(seat.take()!.slot)
    assert.ok(writer.usedBytes() > 200)
    seat.finish(stuck.slot)
    assert.equal(writer.usedBytes(), 0)
  })

  it('is waited for until a good part of it is free', async () => {
    const { writer, seat } = begin(1, { indexCapacity: 32, dataBytes: 4096, slotsPerSeat: 32 })
    fill(writer)
    const taken = Array.from({ length: 32 }, () => seat.take()!)
    const waiting = writer.waitForRoom()
    for (const { slot } of taken.slice(1)) seat.finish(slot)
    assert.ok(await isPending(waiting))
    seat.finish(taken[0]!.slot)
    await within(DEADLINE_MS, 'the room is free', waiting)
    assert.equal(writer.usedBytes(), 0)
  })

  it('is waited for no longer when the writer is stopped', async () => {
    const { writer } = begin()
    fill(writer)
    const waiting = writer.waitForRoom()
    assert.ok(await isPending(waiting))
    writer.stop()
    await within(DEADLINE_MS, 'the wait is over', waiting)
  })
})

describe('a lane', () => {
  it('that has rested while the others went around the ring many times is taken up again', () => {
    const { writer, seat, memory } = begin(2)
    for (let offset = 0; offset < 100; offset++) {
      append(writer, offset, offset % 33 === 0 ? 1 : 0)
      const taken = seat.take()!
      assert.equal(taken.offset, offset)
      seat.finish(taken.slot)
    }
    assert.deepEqual(readRing(memory), { frontiers: [100, 100], inHand: [] })
  })

  it('that has rested for as long as seqs are unique is not mistaken for an empty one', () => {
    const memory = smallRing({}, { frontiers: [0, 0], inHand: [] }, -1) // as lanes are whose newest record was the one before
    const writer = new RingWriter(memory)
    const seat = new SeatMemory(memory, 0)
    append(writer, 5, 1)
    assert.equal(seat.take()?.offset, 5)
  })

  it('is held by the seat that has records of it in hand, and by no other', () => {
    const { writer, seat, other } = begin(1)
    append(writer, 0)
    append(writer, 1)
    const taken = seat.take()!
    seat.yieldLanes()
    assert.equal(other.canTake(), false)
    assert.equal(other.take(), null)
    seat.finish(taken.slot)
    assert.equal(other.take()?.offset, 1)
  })

  it('is held until the turn on it is over', () => {
    const { writer, seat, other } = begin(1)
    append(writer, 0)
    append(writer, 1)
    seat.finish(seat.take()!.slot)
    assert.equal(other.take(), null)
    seat.yieldLanes()
    assert.equal(other.take()?.offset, 1)
  })

  it('beyond the share of a seat becomes free once another seat has nothing to do', () => {
    const { writer, seat, other } = begin(2)
    append(writer, 0, 0)
    append(writer, 1, 1)
    const inHand = [seat.take()!, seat.take()!]
    assert.ok(other.fallAsleep())
    seat.yieldLanes()
    for (const lane of [0, 1]) append(writer, 2 + lane, lane)
    assert.equal(seat.take()?.lane, 0)
    assert.equal(seat.take(), null)
    seat.finish(inHand[1]!.slot)
    assert.equal(other.take()?.offset, 3)
  })

  it('beyond the share of a seat is not kept from it while a record of it waits for its retry', () => {
    const { writer, seat, other } = begin(2, { slotsPerSeat: 8 })
    append(writer, 0, 0)
    append(writer, 1, 1)
    const [, parked] = [seat.take()!, seat.take()!]
    seat.setState(parked.slot, 'retry', 1, 2)
    assert.ok(other.fallAsleep())
    seat.yieldLanes()
    for (const lane of [0, 1]) append(writer, 2 + lane, lane)
    assert.equal(seat.take()?.offset, 3)
    assert.equal(seat.take(), null)
  })

  it('that was to become free is taken from again once a record of it waits for its retry', async () => {
    const { writer, seat, other } = begin(2, { slotsPerSeat: 8 })
    append(writer, 0, 0)
    append(writer, 1, 1)
    const [, failing] = [seat.take()!, seat.take()!]
    assert.ok(other.fallAsleep())
    seat.yieldLanes()
    append(writer, 2, 1)
    assert.ok(seat.fallAsleep())
    const waking = seat.woken()
    seat.setState(failing.slot, 'retry', 1, 2)
    await within(DEADLINE_MS, 'it is woken', waking)
    assert.equal(seat.take()?.offset, 2)
  })

  it('that was to become free is taken from again while a record of it takes long, and in the end for good', t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { memory, writer, seat, other } = begin(2)
    append(writer, 0, 0)
    append(writer, 1, 1)
    const hangs = [seat.take()!, seat.take()!]
    append(writer, 2, 1)
    assert.ok(other.fallAsleep())
    seat.yieldLanes()
    assert.ok(seat.fallAsleep(), 'it waits for the lane to become free')
    t.mock.timers.tick(500)
    t.mock.timers.tick(500)
    assert.equal(memory.seats.sleeps[0], 0, 'it is woken')
    let closedMs = 0
    for (let ms = 0; ms < 120_000; ms += 500) {
      assert.ok(other.fallAsleep())
      seat.yieldLanes()
      if (!seat.canTake()) closedMs += 500
      t.mock.timers.tick(500)
    }
    assert.ok(closedMs > 10_000 && closedMs < 40_000, `closed for ${closedMs} ms`)
    seat.finish(hangs[1]!.slot)
    assert.equal(other.take()?.offset, 2, 'it is free after all')
  })

  it('waits while many records of it wait for others, and leaves the slots to other lanes', async () => {
    const { writer, seat } = begin(2, { slotsPerSeat: 4 })
    for (const offset of [0, 1, 2]) append(writer, offset, 0)
    append(writer, 3, 1)
    seat.take()
    const behind = seat.take()!
    seat.setState(behind.slot, 'behind', 1)
    assert.equal(seat.take()?.offset, 3)
    assert.equal(seat.take(), null)
    assert.ok(seat.fallAsleep())
    const waking = seat.woken()
    seat.setState(behind.slot, 'ready')
    await within(DEADLINE_MS, 'it is woken', waking)
    assert.equal(seat.take()?.offset, 2)
  })
})

describe('a seat', () => {
  it('has only as much in hand as it has slots', () => {
    const { writer, seat } = begin(1, { slotsPerSeat: 2 })
    fill(writer)
    const first = seat.take()!
    seat.take()
    assert.equal(seat.canTake(), false)
    assert.equal(seat.take(), null)
    seat.finish(first.slot)
    assert.ok(seat.canTake())
  })

  it('tells what it has in hand, and since when', () => {
    const { writer, seat, memory } = begin(1)
    append(writer, 3)
    const { slot } = seat.take()!
    seat.setAttempts(slot, 2)
    seat.setState(slot, 'retry', 10, 20.5)
    const expected = { slot, state: 'retry', offset: 3, lane: 0, attempts: 2, sinceMs: 10, untilMs: 20.5 }
    assert.deepEqual(readSeat(memory, 0), [expected])
    assert.deepEqual(readSeat(memory, 1), [])
    seat.finish(slot)
    assert.deepEqual(readSeat(memory, 0), [])
    assert.equal(seat.handled, 1)
  })

  it('is woken by what is published, and does not sleep over what is there', async () => {
    const { writer, seat } = begin(1)
    assert.ok(seat.fallAsleep())
    const waking = seat.woken()
    writer.publish(5)
    assert.ok(await isPending(waking))
    append(writer, 5)
    await within(DEADLINE_MS, 'the seat is awake', waking)
    assert.equal(seat.fallAsleep(), false)
  })

  it('is woken by another that lets go of a lane with something in it', async () => {
    const { writer, seat, other } = begin(1)
    append(writer, 0)
    append(writer, 1)
    const { slot } = seat.take()!
    assert.ok(other.fallAsleep())
    const waking = other.woken()
    seat.finish(slot)
    assert.ok(await isPending(waking))
    seat.yieldLanes()
    await within(DEADLINE_MS, 'the other seat is awake', waking)
  })

  it('is woken by its own thread', async () => {
    const { seat } = begin(1)
    assert.ok(seat.fallAsleep())
    const waking = seat.woken()
    seat.wake()
    await within(DEADLINE_MS, 'the seat is awake', waking)
  })
})

describe('a seat whose thread has exited', () => {
  for (const ordering of ['key', 'none'] as const) {
    it(`leaves what it has in hand to the next one, in '${ordering}' order`, () => {
      const { writer, seat, other, memory } = begin(1, { ordering })
      for (const offset of [0, 1, 2]) append(writer, offset)
      const taken = [seat.take()!, seat.take()!]
      seat.setAttempts(taken[1]!.slot, 3)
      seat.setState(taken[1]!.slot, 'retry', 1, 2)
      clearSeat(memory, 0)
      const states = readSeat(memory, 0).map(({ offset, state }) => [offset, state])
      assert.deepEqual(states, [
        [0, 'ready'],
        [1, 'retry'],
      ])
      const next = new SeatMemory(memory, 0)
      assert.deepEqual(
        next.inherited().map(({ offset, attempts }) => [offset, attempts]),
        [
          [0, 0],
          [1, 3],
        ],
      )
      assert.equal(other.canTake(), ordering === 'none')
      for (const { slot } of next.inherited()) next.finish(slot)
      assert.equal(other.take()?.offset, 2)
    })

    it(`has begun nothing that it had not taken, in '${ordering}' order`, () => {
      const { writer, other, memory } = begin(1, { ordering })
      append(writer, 0)
      leaveTaking(memory)
      assert.deepEqual(readRing(memory), { frontiers: [0], inHand: [] })
      clearSeat(memory, 0)
      assert.equal(other.take()?.offset, 0)
    })
  }

  it("has in hand what it had made its own in 'none' order, even if it has not moved the lane", () => {
    const { writer, other, memory } = begin(1, { ordering: 'none' })
    append(writer, 0)
    append(writer, 1)
    leaveTaking(memory)
    memory.index.taker[memory.header[HEADER.TAIL]! & 7] = 1
    assert.deepEqual(readRing(memory), { frontiers: [0], inHand: [] })
    assert.equal(other.take()?.offset, 1)
    assert.deepEqual(readRing(memory), {
      frontiers: [2],
      inHand: [
        { offset: 0, attempts: 0 },
        { offset: 1, attempts: 0 },
      ],
    })
    clearSeat(memory, 0)
    assert.deepEqual(
      new SeatMemory(memory, 0).inherited().map(({ offset }) => offset),
      [0],
    )
  })

  it("has lost what another has taken before it in 'none' order", () => {
    const { writer, other, memory } = begin(1, { ordering: 'none' })
    append(writer, 0)
    other.finish(other.take()!.slot)
    leaveTaking(memory, 0)
    assert.deepEqual(readRing(memory), { frontiers: [1], inHand: [] })
    clearSeat(memory, 0)
    assert.deepEqual(new SeatMemory(memory, 0).inherited(), [])
    assert.equal(writer.usedBytes(), 0)
  })

  /** As the first seat leaves it that exits between its slot and the lane; holding the lane. */
  function leaveTaking({ header, lanes, slots }: RingMemory, seq = header[HEADER.TAIL]!): void {
    lanes.holder[0] = 1
    slots.seq[0] = seq
    slots.state[0] = 1
  }

  it('has the feeder look anew, whom it may not have rung', async () => {
    const { writer, seat, memory } = begin(1)
    fill(writer)
    const waiting = writer.waitForRoom()
    const { slot } = seat.take()!
    memory.slots.state[slot] = 0 // finished, and no more
    assert.ok(await isPending(waiting))
    clearSeat(memory, 0)
    await within(DEADLINE_MS, 'the feeder is awake', waiting)
  })
})

describe('records that were in hand at the claim', () => {
  const start = {
    frontiers: [10, 5],
    inHand: [
      { offset: 2, attempts: 3 },
      { offset: 4, attempts: 1 },
    ],
  }

  it('are in hand until they are finished, and those beside them are not run again', () => {
    const memory = smallRing({}, start)
    const writer = new RingWriter(memory)
    const seat = new SeatMemory(memory, 0)
    assert.deepEqual(
      [2, 3, 4, 9, 10].map(offset => writer.isFinished(offset, 0)),
      [false, true, false, true, false],
    )
    assert.equal(writer.isFinished(5, 1), false)
    append(writer, 2, 0)
    assert.deepEqual(readRing(memory), start)
    const taken = seat.take()!
    assert.equal(taken.attempts, 3)
    seat.setAttempts(taken.slot, 4)
    assert.deepEqual(readRing(memory).inHand, [
      { offset: 2, attempts: 4 },
      { offset: 4, attempts: 1 },
    ])
    seat.finish(taken.slot)
    assert.deepEqual(readRing(memory), { frontiers: [10, 5], inHand: [{ offset: 4, attempts: 1 }] })
  })

  it('are in hand no more once the feeder has passed where they were', () => {
    const memory = smallRing({}, start)
    new RingWriter(memory).publish(3)
    assert.deepEqual(readRing(memory).inHand, [{ offset: 4, attempts: 1 }])
  })
})

describe('a feeder whose thread has exited', () => {
  it('is followed by one that appends nothing twice', () => {
    const { writer, seat, memory } = begin(1)
    append(writer, 0)
    writer.append(readerOf({ offset: 1 }), 0, 0) // not published
    const next = new RingWriter(memory)
    assert.deepEqual(
      [0, 1, 2].map(offset => next.isFinished(offset, 0)),
      [true, true, false],
    )
    append(next, 2)
    assert.deepEqual(
      [0, 1, 2].map(() => seat.take()?.offset),
      [0, 1, 2],
    )
  })

  it('is followed by one that finds what was in its lane and not yet counted', () => {
    const { writer, seat, memory } = begin(1)
    append(writer, 0)
    append(writer, 1)
    memory.header[HEADER.HEAD] = memory.header[HEADER.HEAD]! - 1
    const next = new RingWriter(memory)
    assert.ok(next.isFinished(1, 0))
    append(next, 2)
    assert.deepEqual(
      [0, 1, 2].map(() => seat.take()?.offset),
      [0, 1, 2],
    )
  })
})
