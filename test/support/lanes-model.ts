import type { ClaimLanes } from '#src/coordinator/progress/claim-lanes.js'
import type { LanePositions } from '#src/coordinator/progress/progress.js'
import type { LaneSettings } from '#src/shared/ordering.js'
import { keyHash, laneOf } from '#src/worker/ring/lane-hash.js'

/** A record of a log; null: without a key. */
export interface ModelRecord {
  readonly offset: number
  readonly key: string | null
}

export interface ModelSlot {
  readonly record: ModelRecord
  readonly lane: number
  attempts: number
  /** `taking`: still in its lane; `ready`: to be started; `behind`: waits for one of its key. */
  state: 'taking' | 'ready' | 'running' | 'retry' | 'behind'
}

const SLOTS = 6

/** The lanes of one claim, in plain JavaScript: what is fed, taken and in hand, and the progress that is read of that. */
export class LanesModel {
  readonly settings: LaneSettings
  readonly levelAt: number | null
  readonly slots: ModelSlot[] = []
  readonly #log: readonly ModelRecord[]
  /** Frontiers at the claim. */
  readonly #base: readonly number[]
  /** In hand at the claim and not taken since, with their attempts. */
  readonly #restored: Map<number, number>
  /** Fed and not taken. */
  readonly #lanes: ModelRecord[][]
  /** Behind the last record that was fed to each. */
  readonly #ends: number[]
  /** Index of the next record to feed. */
  #next: number
  #headOffset: number

  constructor(log: readonly ModelRecord[], { run, start, levelAt }: ClaimLanes) {
    this.settings = run
    this.levelAt = levelAt
    this.#log = log
    this.#base = start.frontiers
    this.#restored = new Map(start.inHand.map(({ offset, attempts }) => [offset, attempts]))
    this.#lanes = start.frontiers.map(() => [])
    this.#ends = start.frontiers.map(() => 0)
    this.#headOffset = Math.min(...start.frontiers, ...this.#restored.keys())
    const next = log.findIndex(({ offset }) => offset >= this.#headOffset)
    this.#next = next < 0 ? log.length : next
  }

  laneOf({ offset, key }: ModelRecord): number {
    const bytes = Buffer.from(key ?? '')
    const record = { offset, bytes, keyStart: 0, keyEnd: key === null ? -1 : bytes.length }
    return laneOf(record, keyHash(record), this.settings.lanes)
  }

  /** One more record goes into its lane, if it was not finished before the claim. False at the end, or at the level point. */
  feed(): boolean {
    const record = this.#log[this.#next]
    if (record === undefined || record.offset >= (this.levelAt ?? Infinity)) return false
    this.#next += 1
    const lane = this.laneOf(record)
    if (record.offset < this.#base[lane]! && !this.#restored.has(record.offset)) return true
    this.#lanes[lane]!.push(record)
    this.#ends[lane] = record.offset + 1
    return true
  }

  publish(): void {
    const next = this.#log[this.#next]
    const isAtLevel = this.levelAt !== null && (next === undefined || next.offset >= this.levelAt)
    const fed = this.#log[this.#next - 1]
    if (isAtLevel) this.#headOffset = this.levelAt
    else if (fed !== undefined) this.#headOffset = Math.max(this.#headOffset, fed.offset + 1)
  }

  /** The first record of a lane gets a slot. */
  beginTaking(lane: number): boolean {
    const [record] = this.#lanes[lane]!
    const isSerial = this.settings.ordering === 'partition'
    if (record === undefined || this.slots.length >= (isSerial ? 1 : SLOTS)) return false
    if (this.slots.some(slot => slot.lane === lane && slot.state === 'taking')) return false
    const attempts = this.#restored.get(record.offset) ?? 0
    this.slots.push({ record, lane, attempts, state: 'taking' })
    return true
  }

  /** It leaves its lane. */
  take(slot: ModelSlot): void {
    this.#lanes[slot.lane]!.shift()
    this.#restored.delete(slot.record.offset)
    slot.state = this.#mustWait(slot) ? 'behind' : 'ready'
  }

  finish(slot: ModelSlot): void {
    this.slots.splice(this.slots.indexOf(slot), 1)
    for (const one of this.slots) if (one.state === 'behind' && !this.#mustWait(one)) one.state = 'ready'
  }

  /** A thread dies: what it had begun to take is in its lane, what ran is run again. */
  die(): void {
    for (const slot of this.slots.filter(({ state }) => state === 'taking'))
      this.slots.splice(this.slots.indexOf(slot), 1)
    for (const slot of this.slots) if (slot.state === 'running') slot.state = 'ready'
  }

  /** As readRing does. A record may be taken, even finished, before it is published how far the feeding is. */
  read(): LanePositions {
    const frontiers = this.#lanes.map((lane, index) =>
      Math.max(lane[0]?.offset ?? Math.max(this.#headOffset, this.#ends[index]!), this.#base[index]!),
    )
    const inHand = new Map(this.#restored)
    for (const { record, lane, attempts } of this.slots)
      if (record.offset < frontiers[lane]!) inHand.set(record.offset, attempts)
    const inOrder = [...inHand].sort(([one], [other]) => one - other)
    return { frontiers, inHand: inOrder.map(([offset, attempts]) => ({ offset, attempts })) }
  }

  #mustWait({ record }: ModelSlot): boolean {
    if (this.settings.ordering !== 'key' || record.key === null) return false
    return this.slots.some(({ record: other }) => other.key === record.key && other.offset < record.offset)
  }
}
