import type { DeadLetter } from '../../shared/protocol.ts'
import { partitionName, type Offset } from '../../shared/types.ts'

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
    const { sent } = this.#lettersOf(partitionName(lane), lane.epoch)
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

  #lettersOf(name: string, epoch: bigint): LettersOfClaim {
    const known = this.#claims.get(name)
    if (known?.epoch === epoch) return known
    const letters = { epoch, sent: new Map<Offset, Promise<void>>() }
    this.#claims.set(name, letters)
    return letters
  }
}
