import { levelOf, type LanePositions } from '../../progress/progress.ts'

const LOOK_EVERY_MS = 100

/** Sees when all lanes of a partition have come to the same offset. */
export class LevelWatch {
  readonly #positions: () => LanePositions
  readonly #isLevel: () => void
  #timer: NodeJS.Timeout | null = null

  /** `isLevel` is told once. */
  constructor(positions: () => LanePositions, isLevel: () => void) {
    this.#positions = positions
    this.#isLevel = isLevel
  }

  start(): void {
    this.#timer ??= setTimeout(() => this.#look(), LOOK_EVERY_MS)
  }

  /** Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #look(): void {
    this.#timer = null
    if (levelOf(this.#positions()) === null) this.start()
    else this.#isLevel()
  }
}
