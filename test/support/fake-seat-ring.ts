import type { SeatWaitReason, SlotState } from '#src/shared/memory/ring/ring-layout.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { RecordReader } from '#src/worker/decode/record-reader.js'
import type { SeatRing } from '#src/worker/ring/open-seat.js'
import type { TakenRecord } from '#src/worker/ring/seat-memory.js'

export interface FakeRecord {
  readonly offset: number
  readonly key?: string
  readonly value?: string
  /** That failed before. */
  readonly attempts?: number
}

interface FakeSlot {
  readonly record: FakeRecord
  state: SlotState
  attempts: number
  sinceMs: number
  untilMs: number
}

/** One lane that this seat alone takes from, as a ring would show it. */
export class FakeSeatRing implements SeatRing {
  readonly ordering: 'key' | 'none' = 'key'
  readonly seats = 2
  readonly slots: number
  readonly retries: Map<number, number>
  /** Offsets in the order in which they were finished. */
  readonly finished: number[] = []
  failures = 0
  waitsFor: SeatWaitReason = ''
  yields = 0
  isLoose = false
  isInOrder = false
  mayBeAlone = false
  /** So often its bell was waited for. */
  waits = 0
  readonly #bySlot: (FakeSlot | undefined)[]
  readonly #inherited: TakenRecord[]
  #waiting: FakeRecord[]
  #bell: Deferred<void> | null = null

  constructor(
    records: readonly FakeRecord[],
    slots = 300,
    inherited: readonly (FakeRecord & { readonly retryAtMs?: number })[] = [],
  ) {
    this.slots = slots
    this.#waiting = [...records]
    this.#bySlot = Array.from({ length: slots })
    this.#inherited = inherited.map((record, slot) => this.#put(slot, record))
    this.retries = new Map(
      inherited.flatMap(({ retryAtMs }, slot) => (retryAtMs === undefined ? [] : [[slot, retryAtMs]])),
    )
  }

  get isAsleep(): boolean {
    return this.#bell !== null
  }

  /** `<offset> <state>` of all that is in hand, in the order of the offsets. */
  get inHand(): string[] {
    const taken = this.#bySlot.filter(slot => slot !== undefined)
    taken.sort((a, b) => a.record.offset - b.record.offset)
    return taken.map(({ record, state, attempts }) => {
      const failed = attempts === 0 ? '' : ` after ${attempts}`
      return `${record.offset} ${state}${failed}`
    })
  }

  /** Of a record in hand. */
  slotOf(offset: number): FakeSlot {
    return this.#bySlot.find(slot => slot?.record.offset === offset)!
  }

  append(...records: FakeRecord[]): void {
    this.#waiting.push(...records)
    this.#ring()
  }

  highWatermark(): number {
    return Math.max(-1, ...this.#waiting.map(({ offset }) => offset + 1))
  }

  isAlone(): boolean {
    return this.mayBeAlone
  }

  readonly memory: SeatRing['memory'] = {
    inherited: () => this.#inherited,
    takeInOrder: isInOrder => void (this.isInOrder = isInOrder),
    take: () => {
      const slot = this.#bySlot.indexOf(undefined)
      const next = this.#waiting[0]
      if (slot < 0 || next === undefined) return null
      this.#waiting = this.#waiting.slice(1)
      return this.#put(slot, next)
    },
    read: ({ slot }) => readerOn(this.#bySlot[slot]!.record),
    setState: (slot, state, sinceMs = 0, untilMs = 0) => {
      Object.assign(this.#bySlot[slot]!, { state, sinceMs, untilMs })
    },
    setAttempts: (slot, attempts) => void (this.#bySlot[slot]!.attempts = attempts),
    finish: slot => {
      this.finished.push(this.#bySlot[slot]!.record.offset)
      this.#bySlot[slot] = undefined
    },
    failed: attempts => void (this.failures += attempts ?? 1),
    yieldLanes: () => void (this.yields += 1),
    setWaitsFor: reason => void (this.waitsFor = reason),
    fallAsleep: () => {
      if (this.#waiting.length > 0) return false
      this.#bell ??= deferred()
      return true
    },
    woken: () => {
      this.waits += 1
      return this.#bell!.promise
    },
    wake: () => this.#ring(),
    setLoose: () => void (this.isLoose = true),
  }

  #ring(): void {
    this.#bell?.resolve()
    this.#bell = null
  }

  #put(slot: number, record: FakeRecord): TakenRecord {
    const { offset, key, attempts = 0 } = record
    this.#bySlot[slot] = { record, state: 'ready', attempts, sinceMs: 0, untilMs: 0 }
    return { slot, seq: offset, offset, lane: 0, hash: key === undefined ? null : hashOf(key), attempts }
  }
}

export function hashOf(key: string): number {
  return [...Buffer.from(key)].reduce((hash, byte) => (hash * 31 + byte) | 0, 0)
}

export function readerOn({ offset, key, value = `value ${offset}` }: FakeRecord): RecordReader {
  const keyBytes = Buffer.from(key ?? '')
  const reader = new RecordReader()
  reader.bytes = Buffer.concat([keyBytes, Buffer.from(value)])
  reader.offset = offset
  reader.timestamp = 1
  reader.keyEnd = key === undefined ? -1 : keyBytes.length
  reader.valueStart = keyBytes.length
  reader.valueEnd = reader.bytes.length
  return reader
}

/** Of these keys, from offset 0 on; undefined: it has none. */
export function recordsOf(...keys: (string | undefined)[]): FakeRecord[] {
  return keys.map((key, offset) => (key === undefined ? { offset } : { offset, key }))
}

export function ringOf(...keys: (string | undefined)[]): FakeSeatRing {
  return new FakeSeatRing(recordsOf(...keys))
}
