import type { DeadLetter, LaneId } from '../../shared/protocol.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'

/** Of one claim, in the order in which they were asked for. */
interface LettersOfClaim {
  readonly epoch: bigint
  readonly sent: Map<Offset, Promise<void>>
}

/** More of a partition are hardly in hand at once; one that is forgotten may be stored twice. */
const REMEMBERED = 4_096

/**
 * The letters that were asked for last of each partition. A thread may die while letters of its lanes are on their way, or
 * before it has heard that they are stored; whoever goes on with the lanes asks for them again.
 */
export class SentLetters {
  readonly #claims = new Map<string, LettersOfClaim>()

  /** What `send` gives, or what it gave for this letter before, unless that failed. */
  once({ lane, offset }: Pick<DeadLetter, 'lane' | 'offset'>, send: () => Promise<void>): Promise<void> {
    const sent = this.#lettersOf(lane)
    if (sent === null) return send()
    const known = sent.get(offset)
    if (known !== undefined) return known
    const letter = send()
    sent.set(offset, letter)
    const [oldest] = sent.keys()
    if (sent.size > REMEMBERED) sent.delete(oldest!)
    letter.catch(() => {
      if (sent.get(offset) === letter) sent.delete(offset) // whoever asked handles it; the next one tries again
    })
    return letter
  }

  /** Its claim is over: nobody goes on with the lanes under it. */
  forget(partition: TopicPartition): void {
    this.#claims.delete(partitionName(partition))
  }

  /** Null: a newer claim is known, and this one is late. */
  #lettersOf(lane: LaneId): Map<Offset, Promise<void>> | null {
    const name = partitionName(lane)
    const known = this.#claims.get(name)
    if (known !== undefined && known.epoch >= lane.epoch)
      return known.epoch === lane.epoch ? known.sent : null
    const sent = new Map<Offset, Promise<void>>()
    this.#claims.set(name, { epoch: lane.epoch, sent })
    return sent
  }
}
