import type { DeadLetter, LaneId } from '../../shared/protocol.ts'
import { partitionName, type Offset } from '../../shared/types.ts'

interface Newest {
  readonly lane: LaneId
  readonly offset: Offset
  readonly sent: Promise<void>
}

/**
 * The newest letter of each partition. A thread may die while a letter of one of its lanes is on its way, or before it has heard
 * that it is stored; whoever goes on with the lane asks for it again. A lane has one at a time, and the ones before are
 * finished, so more need not be remembered.
 */
export class NewestLetters {
  readonly #newest = new Map<string, Newest>()

  /** What `send` gives, or what it gave for this letter before, unless that failed. */
  once({ lane, offset }: Pick<DeadLetter, 'lane' | 'offset'>, send: () => Promise<void>): Promise<void> {
    const name = partitionName(lane)
    const known = this.#newest.get(name)
    if (known !== undefined && known.lane.epoch === lane.epoch && known.offset === offset) return known.sent
    const newest = { lane, offset, sent: send() }
    this.#newest.set(name, newest)
    newest.sent.catch(() => {
      if (this.#newest.get(name) === newest) this.#newest.delete(name) // whoever asked handles it; the next one tries again
    })
    return newest.sent
  }
}
