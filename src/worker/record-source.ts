import type { Offset } from '../shared/types.ts'
import type { RecordCursor } from './decode/record-cursor.ts'
import type { LaneInbox } from './feed/lane-inbox.ts'

/** The records of a lane as they come: one chunk of its inbox after the other, with a cursor in it. */
export class RecordSource {
  readonly cursor: RecordCursor
  readonly inbox: LaneInbox
  /** The cursor has bytes of the inbox; until it is done with them the inbox counts them. */
  isOpen = false
  #passed: Offset

  constructor(cursor: RecordCursor, inbox: LaneInbox) {
    this.cursor = cursor
    this.inbox = inbox
    this.#passed = inbox.position
    cursor.reset(NO_BYTES, inbox.position, null)
  }

  get isEmpty(): boolean {
    return !this.isOpen && this.inbox.isEmpty
  }

  /** Below, everything was shown, is hidden or gone; where records of the open chunk are, that does not tell. */
  get passed(): Offset {
    return this.#passed
  }

  /**
   * Done with the bytes the cursor had; opens what comes next. False if nothing does. `keep`: records of what it had are
   * still in hand, and the inbox counts them until `dropKept`. Throws what the fetch met.
   */
  openNext(keep = false): boolean {
    const { cursor, inbox } = this
    if (this.isOpen) this.#passed = cursor.nextOffset // what was hidden or compacted away at the end is passed, too
    this.isOpen = false
    const item = inbox.take(keep)
    switch (item?.type) {
      case undefined:
        return false
      case 'chunk':
        cursor.reset(item.bytes, item.fetchOffset, item.aborted)
        this.isOpen = true
        return true
      case 'jump':
        this.#passed = item.offset
        return true
      case 'failure':
        throw item.error
    }
  }

  /** What comes next cannot be read: what came before the damage is good. */
  close(): void {
    if (this.isOpen) this.#passed = this.cursor.nextOffset
    this.isOpen = false
  }

  /** A lane that takes nothing any more keeps no bytes. Not while a record is in hand. */
  release(): void {
    this.cursor.release()
  }
}

const NO_BYTES = Buffer.alloc(0)
