import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../../shared/clock.ts'
import { deferred, type Deferred } from '../../shared/deferred.ts'
import { GroupError } from '../../shared/errors.ts'
import type { GroupMemory } from '../../shared/memory/group-memory.ts'
import type { Offset } from '../../shared/types.ts'

/** A lane, as far as others have to wait for it. */
export interface LaneInHand {
  /** The first of the records that are taken and not finished, and run; null: none does. */
  readonly oldestRunning: Offset | null
}

export interface LoneLanesHost {
  readonly memory: Pick<GroupMemory, 'setOneAlone' | 'isOneAlone'>
  lanes(): readonly LaneInHand[]
  /** Lanes that were held may go on. */
  wake(): void
}

interface Entry {
  readonly lane: LaneInHand
  readonly turn: Deferred<undefined>
}

/** A longer record of another lane holds the whole member up for as long as that; then it is not alone, and is not blamed. */
const PATIENCE_MS = 5_000
const LOOK_EVERY_MS = 1
/** Two in a row: of the first, a worker may not have seen the bit yet. */
const QUIET_LOOKS = 2
/** Between two that want to be alone, for all the others. */
const BREATHER_MS = 10

/** Lets one lane at a time run with nothing else in hand in this process. */
export class LoneLanes {
  readonly #host: LoneLanesHost
  readonly #patienceMs: number
  /** The first is alone or about to be. */
  readonly #queue: Entry[] = []
  /**
   * The record of a lane that was waited for in vain: nobody waits for it again. One that is only busy runs another by then.
   * Weak: lanes that are over would keep their memory.
   */
  readonly #hanging = new WeakMap<LaneInHand, Offset>()

  constructor(host: LoneLanesHost, patienceMs = PATIENCE_MS) {
    this.#host = host
    this.#patienceMs = patienceMs
  }

  /** It may take no record because another is alone, or about to be. */
  holds(lane: LaneInHand): boolean {
    return this.#host.memory.isOneAlone && this.#queue[0]?.lane !== lane
  }

  /**
   * Resolves when no other lane may take a record: with true if none has one in hand, with false if that took too long.
   * Rejects if it leaves before: NOT_RUNNING. One call per lane at a time.
   */
  async enter(lane: LaneInHand): Promise<boolean> {
    const entry = { lane, turn: deferred<undefined>() }
    this.#queue.push(entry)
    if (this.#queue.length === 1) entry.turn.resolve(undefined)
    await entry.turn.promise
    this.#throwIfLeft(entry) // in the turn of the loop between the two
    this.#host.memory.setOneAlone(true)
    return this.#waitForOthers(entry)
  }

  /** Whether it waits, is alone, or neither. */
  leave(lane: LaneInHand): void {
    const index = this.#queue.findIndex(entry => entry.lane === lane)
    if (index < 0) return
    const [entry] = this.#queue.splice(index, 1)
    entry!.turn.reject(hasLeft())
    if (index > 0) return
    this.#host.memory.setOneAlone(false)
    this.#host.wake()
    if (this.#queue.length > 0) void delay(BREATHER_MS).then(() => this.#queue[0]?.turn.resolve(undefined)) // whoever is first by then
  }

  async #waitForOthers(entry: Entry): Promise<boolean> {
    const untilMs = monotonicMs() + this.#patienceMs
    for (let quiet = 0; quiet < QUIET_LOOKS;) {
      await delay(LOOK_EVERY_MS)
      this.#throwIfLeft(entry)
      const others = this.#othersInHand(entry.lane)
      quiet = others.length > 0 ? 0 : quiet + 1
      if (monotonicMs() >= untilMs) for (const { lane, oldest } of others) this.#hanging.set(lane, oldest)
      if (others.length > 0 && others.every(({ lane, oldest }) => this.#hanging.get(lane) === oldest))
        return false
    }
    return true
  }

  #othersInHand(alone: LaneInHand): { lane: LaneInHand; oldest: Offset }[] {
    return this.#host.lanes().flatMap(lane => {
      const oldest = lane.oldestRunning
      if (oldest === null) this.#hanging.delete(lane)
      return oldest === null || lane === alone ? [] : [{ lane, oldest }]
    })
  }

  #throwIfLeft(entry: Entry): void {
    if (this.#queue[0] !== entry) throw hasLeft()
  }
}

function hasLeft(): GroupError {
  return new GroupError('NOT_RUNNING', 'the lane that was to run alone is being ended')
}
