import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KafkaRecord } from '#src/handler.js'
import { readRing, readSeat } from '#src/shared/memory/ring/read-ring.js'
import { RingMemory, type RingStart } from '#src/shared/memory/ring/ring-memory.js'
import { openSeat, type SeatRing } from '#src/worker/ring/open-seat.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { eventually } from '../../../support/eventually.ts'
import { hashOf, readerOn } from '../../../support/fake-seat-ring.ts'
import { seatBenches, type SeatBench, type SeatBenchOptions } from '../../../support/seat-bench.ts'

const LANES = 4
const SHAPE = {
  ordering: 'key',
  seats: 2,
  slotsPerSeat: 20,
  indexCapacity: 1024,
  dataBytes: 1 << 16,
} as const
const LONG_WAIT = { attempts: 3, backoffMs: 60_000, maxBackoffMs: 60_000, jitter: 0 }

const startBench = seatBenches()

/** A ring with its feeder. */
class FedRing {
  readonly memory: RingMemory
  readonly #writer: RingWriter

  constructor(ordering: 'key' | 'none' = 'key', start: Partial<RingStart> = {}) {
    const frontiers = Array.from({ length: ordering === 'key' ? LANES : 1 }, () => 0)
    this.memory = RingMemory.create({ ...SHAPE, ordering }, { frontiers, inHand: [], ...start })
    this.#writer = new RingWriter(this.memory)
  }

  /** Offsets in order; the key of each. */
  feed(keys: readonly string[], from = 0): void {
    for (const [index, key] of keys.entries()) this.append(key, from + index)
    this.publish(from + keys.length)
  }

  append(key: string, offset: number): void {
    const hash = hashOf(key)
    const lane = (hash >>> 0) % this.memory.shape.lanes
    assert.ok(this.#writer.append(readerOn({ offset, key }), lane, hash))
  }

  publish(end: number): void {
    this.#writer.setHighWatermark(end)
    this.#writer.publish(end)
  }

  seat(options: Omit<SeatBenchOptions<SeatRing>, 'ring'>, seat = 0): Promise<SeatBench<SeatRing>> {
    const start = { ...options.start, seat, ring: this.memory.buffer }
    return startBench({ ...options, start, ring: this.open(seat) })
  }

  open(seat = 0): SeatRing {
    return openSeat({ seat, ring: this.memory.buffer })!
  }

  get states(): string[] {
    const slots = readSeat(this.memory, 0).toSorted((a, b) => a.offset - b.offset)
    return slots.map(({ offset, state }) => `${offset} ${state}`)
  }

  async level(offset: number): Promise<void> {
    await until(() => {
      const { frontiers, inHand } = readRing(this.memory)
      return inHand.length === 0 && frontiers.every(frontier => frontier === offset)
    })
  }
}

async function until(condition: () => boolean): Promise<void> {
  await eventually(condition, { intervalMs: 1 })
}

describe('seats on a ring', () => {
  it('share its records, keep the order of each key, and leave it level', async () => {
    const ring = new FedRing()
    const keys = Array.from({ length: 400 }, (_, index) => `key ${(index * 7) % 23}`)
    const offsets = new Map<string, bigint[]>()
    const running = new Set<string>()
    const handle = async ({ key, offset, attempt }: KafkaRecord): Promise<void> => {
      const name = String(key)
      assert.ok(!running.has(name), name)
      running.add(name)
      for (let turn = 0; turn < Number(offset) % 3; turn += 1) await nextTurn()
      running.delete(name)
      if (Number(offset) % 11 === 0 && attempt === 1) throw new Error('no')
      offsets.set(name, [...(offsets.get(name) ?? []), offset])
    }
    const options = { module: { handle }, start: { concurrency: 5 } }
    const benches = [await ring.seat(options, 0), await ring.seat(options, 1)]
    for (let from = 0; from < 400; from += 40) {
      ring.feed(keys.slice(from, from + 40), from)
      await nextTurn()
    }
    await ring.level(400)
    assert.deepEqual(
      benches.flatMap(({ failures }) => failures),
      [],
    )
    for (const [name, seen] of offsets)
      assert.deepEqual(
        seen,
        keys.flatMap((key, index) => (key === name ? [BigInt(index)] : [])),
      )
    const { handled } = ring.memory.seats
    assert.equal(handled[0]! + handled[1]!, 400)
    assert.ok(handled[0]! > 0 && handled[1]! > 0)
  })

  it('find what is appended while one that sleeps already looks once more, and published behind that', async () => {
    const ring = new FedRing()
    const open = ring.open()
    const gates: (() => void)[] = []
    const handle = (): Promise<void> => new Promise(resolve => gates.push(resolve))
    const fallAsleep = open.memory.fallAsleep.bind(open.memory)
    let looks = 0
    open.memory.fallAsleep = () => {
      looks += 1
      if (looks !== 2) return fallAsleep()
      ring.append('b', 2)
      const sleeps = fallAsleep()
      assert.equal(sleeps, false)
      ring.publish(3)
      return sleeps
    }
    await startBench({
      module: { handle },
      start: { concurrency: 5, seat: 0, ring: ring.memory.buffer },
      ring: open,
    })
    ring.feed(['a', 'a'])
    await until(() => gates.length === 1 && looks === 1)
    gates[0]!()
    await until(() => gates.length === 3)
  })

  it('runs records of one key beside each other in none order', async () => {
    const ring = new FedRing('none')
    let running = 0
    const handle = (): Promise<never> => {
      running += 1
      return new Promise(() => {})
    }
    const bench = await ring.seat({ module: { handle }, start: { concurrency: 3 } })
    ring.feed(['a', 'a', 'a'])
    await until(() => running === 3)
    bench.kill()
  })

  it('sleeps until something is fed', async () => {
    const ring = new FedRing()
    await ring.seat({ module: { handle() {} } })
    await until(() => ring.memory.seats.sleeps[0] === 1)
    ring.feed(['a', 'b'])
    await ring.level(2)
    await until(() => ring.memory.seats.sleeps[0] === 1)
  })

  it('goes on with what a seat before it has left, and waits for the rest of its waits', async () => {
    const ring = new FedRing()
    ring.feed(['a', 'a', 'b', 'c'])
    const runs: string[] = []
    let fails = true
    const handle = ({ offset, attempt }: KafkaRecord): void => {
      runs.push(`${offset}.${attempt}`)
      if (fails && offset === 0n) throw new Error('no')
    }
    const settings = { retry: { ...LONG_WAIT, backoffMs: 100 } }
    const before = await ring.seat({ module: { handle }, settings })
    await until(() => runs.length === 3)
    await before.seat.drain()
    assert.deepEqual(ring.states, ['0 retry', '1 behind'])
    assert.deepEqual(readRing(ring.memory).inHand, [
      { offset: 0, attempts: 1 },
      { offset: 1, attempts: 0 },
    ])
    fails = false
    await ring.seat({ module: { handle }, settings })
    assert.deepEqual(ring.states, ['0 retry', '1 behind'])
    await ring.level(4)
    assert.deepEqual(runs.slice(3), ['0.2', '1.1'])
  })

  it('runs records of other lanes while one key has more to wait for than there are slots', async () => {
    const ring = new FedRing()
    const keys = Array.from({ length: 30 }, () => 'a')
    ring.feed([...keys, 'b'])
    const runs: bigint[] = []
    const handle = ({ offset }: KafkaRecord): void => {
      runs.push(offset)
      if (offset === 0n) throw new Error('no')
    }
    const bench = await ring.seat({ module: { handle }, settings: { retry: LONG_WAIT } })
    await until(() => runs.includes(30n))
    assert.deepEqual(runs, [0n, 30n])
    bench.kill()
  })

  it('goes through a careful claim in the order of the ring, and one by one where it has suspects', async () => {
    const ring = new FedRing('key', { inHand: [{ offset: 1, attempts: 1 }] })
    const keys = Array.from({ length: 60 }, (_, index) => `key ${(index * 7) % 23}`)
    const runs: number[] = []
    const handle = ({ offset, attempt }: KafkaRecord): void => {
      runs.push(Number(offset))
      assert.equal(attempt, offset === 1n ? 2 : 1)
      assert.ok(ring.states.includes(`${offset} slice`))
      const { from, to } = bench.announced.at(-1)!
      assert.ok(offset >= from && offset < to, `${offset} is not in the window`)
    }
    const bench = await ring.seat({
      module: { handle },
      start: {
        concurrency: 5,
        careful: { aloneFrom: 20, aloneBelow: 21, aloneInHand: [], aloneForMs: 1_000 },
      },
      announce: () => Promise.resolve(false),
    })
    ring.feed(keys)
    await ring.level(60)
    assert.deepEqual(
      runs,
      keys.map((_, index) => index),
    )
    const { announced } = bench
    assert.ok(announced.some(({ from, to, isAlone }) => from === 20 && to === 21 && isAlone))
    assert.ok(announced.every(({ from, isAlone }) => isAlone === (from === 20)))
  })

  it('takes what is furthest behind in a careful claim, however many lanes it holds', async () => {
    const ring = new FedRing()
    const runs: number[] = []
    const handle = ({ offset }: KafkaRecord): Promise<void> => {
      runs.push(Number(offset))
      return new Promise(() => {})
    }
    await ring.seat({
      module: { handle },
      start: {
        concurrency: 5,
        careful: { aloneFrom: 0, aloneBelow: 0, aloneInHand: [], aloneForMs: 1_000 },
      },
      announce: () => Promise.resolve(false),
    })
    ring.feed(['a', 'b', 'c', 'd', 'e'])
    await until(() => runs.length === 5)
    assert.deepEqual(runs, [0, 1, 2, 3, 4])
  })
})
