import { toWire } from '../../../shared/error-wire.ts'
import { SLOT_STATE_NUMBER } from '../../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../../shared/memory/ring/ring-memory.ts'
import { readSeat, type SlotReading } from '../../../shared/memory/ring/read-ring.ts'
import type { BlamedAttempt } from '../../failures/blame.ts'
import type { InHandOnThread, RetryWait } from './in-hand-on-thread.ts'
import type { RingNews } from './ring-news.ts'

/** A slot whose record runs: it is on the stack of its thread, or its async handler is under way. */
type Running = SlotReading & { readonly state: InHandOnThread['inHand'] }

/** What a seat runs, in the order of the offsets. */
export function inHandOfSeat(memory: RingMemory, seat: number, news: RingNews): readonly InHandOnThread[] {
  const running = readSeat(memory, seat).filter(isRunning)
  return running.sort((a, b) => a.offset - b.offset).map(reading => inHandOfSlot(memory, seat, reading, news))
}

function isRunning(reading: SlotReading): reading is Running {
  return ['slice', 'awaited', 'timed-out'].includes(reading.state)
}

function inHandOfSlot(memory: RingMemory, seat: number, reading: Running, news: RingNews): InHandOnThread {
  const { offset, state, attempts, sinceMs } = reading
  const slot = seat * memory.shape.slotsPerSeat + reading.slot
  return {
    offset,
    inHand: state,
    awaitingSinceMs: state === 'slice' ? null : sinceMs,
    blame: (): BlamedAttempt => {
      Atomics.store(memory.slots.attempts, slot, attempts + 1)
      Atomics.add(memory.seats.failed, seat, 1)
      return { offset, attempt: attempts + 1 }
    },
    failed: ({ attempt }, error, retry) => {
      news.failed({ offset, attempts: attempt }, toWire(error))
      if (retry !== null) setRetry(memory, slot, retry)
    },
    suspect: () => news.suspect({ offset, attempts }),
  }
}

/** Of a thread that has exited: nobody else writes the slot. */
function setRetry({ slots }: RingMemory, slot: number, { sinceMs, atMs }: RetryWait): void {
  slots.sinceUs[slot] = sinceMs * 1000
  slots.untilUs[slot] = atMs * 1000
  Atomics.store(slots.state, slot, SLOT_STATE_NUMBER.retry) // behind the times: a reader that sees it wait must not pair it with others
}
