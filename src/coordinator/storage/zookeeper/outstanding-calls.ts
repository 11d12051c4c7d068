import type { GroupError } from '../../../shared/errors.ts'
import { PatientTimer } from './patient-timer.ts'

/** A call that was sent and not answered. */
export interface OutstandingCall {
  readonly operation: string
  readonly path: string
}

interface Waiting {
  readonly reject: (error: GroupError) => void
  readonly deadline: PatientTimer
}

/**
 * The calls of one connection that wait for an answer: each has a deadline, and all are rejected together when the
 * connection ends. The library loses some callbacks, so none of its promises to call back is relied on.
 */
export class OutstandingCalls {
  readonly #calls = new Map<OutstandingCall, Waiting>()

  add(
    call: OutstandingCall,
    reject: (error: GroupError) => void,
    deadlineMs: number,
    onDeadline: () => void,
  ): void {
    const deadline = new PatientTimer(onDeadline)
    this.#calls.set(call, { reject, deadline })
    deadline.arm(deadlineMs)
  }

  /** Takes the call off the list; false if it was settled before: what comes now is too late. */
  settle(call: OutstandingCall): boolean {
    this.#calls.get(call)?.deadline.clear()
    return this.#calls.delete(call)
  }

  rejectAll(errorOf: (call: OutstandingCall) => GroupError): void {
    for (const [call, { reject }] of [...this.#calls]) if (this.settle(call)) reject(errorOf(call))
  }
}
