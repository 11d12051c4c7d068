import { GroupError } from './errors.ts'

/** From each state, the states it may move to. A state without moves is final. */
export type MoveTable<S extends string> = Readonly<Record<S, readonly S[]>>

export interface Move<S extends string> {
  readonly from: S
  readonly to: S
  readonly reason: string
}

const KEPT_MOVES = 10

/** A lifecycle: one current state, a table of legal moves, and the last moves for diagnosis. */
export class StateMachine<S extends string> {
  readonly #name: string
  readonly #table: MoveTable<S>
  readonly #onMove: (move: Move<S>) => void
  readonly #history: Move<S>[] = []
  #state: S

  constructor(name: string, table: MoveTable<S>, initial: S, onMove: (move: Move<S>) => void = () => {}) {
    this.#name = name
    this.#table = table
    this.#state = initial
    this.#onMove = onMove
  }

  get state(): S {
    return this.#state
  }

  is(...states: S[]): boolean {
    return states.includes(this.#state)
  }

  get isFinal(): boolean {
    return this.#table[this.#state].length === 0
  }

  /** Moves to `to`; an illegal move is our own defect and throws INTERNAL with the moves that led here. */
  moveTo(to: S, reason: string): void {
    const move = { from: this.#state, to, reason }
    if (!this.#table[this.#state].includes(to)) throw this.#illegal(move)
    this.#history.push(move)
    if (this.#history.length > KEPT_MOVES) this.#history.shift()
    this.#state = to
    this.#onMove(move)
  }

  #illegal(move: Move<S>): GroupError {
    const path = this.#history.map(past => `${past.from}>${past.to} (${past.reason})`).join(', ')
    return new GroupError(
      'INTERNAL',
      `${this.#name}: no move ${move.from}>${move.to} (${move.reason}); before: ${path}`,
      {
        details: { ...move, history: [...this.#history] },
      },
    )
  }
}
