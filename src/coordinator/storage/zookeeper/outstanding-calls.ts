import type { GroupError } from '../../../shared/errors.ts'
import { PatientTimer } from '../../../shared/patient-timer.ts'

/** A call that was asked for and not answered. */
export interface OutstandingCall {
  readonly operation: string
  readonly path: string
}

interface Waiting {
  readonly reject: (error: GroupError) => void
  deadline: PatientTimer | null
}

/**
 * The calls of one connection that wait for an answer: each has a deadline once it is sent, and all are rejected
 * together when the connection ends. The library loses some callbacks, so it is not relied on to call back.
 */
export class OutstandingCalls {
  readonly #calls = new Map<OutstandingCall, Waiting>()

  add(call: OutstandingCall, reject: (error: GroupError) => void): void {
    this.#calls.set(call, { reject, deadline: null })
  }

  /** The call is sent now; `onDeadline` tells that no answer came in time. */
  startDeadline(call: OutstandingCall, deadlineMs: number, onDeadline: () => void): void {
    const waiting = this.#calls.get(call)
    if (waiting === undefined) return
    waiting.deadline = new PatientTimer(onDeadline)
    waiting.deadline.arm(deadlineMs)
  }

  /** Takes the call off the list; false if it was settled before: what comes now is too late. */
  settle(call: OutstandingCall): boolean {
    this.#calls.get(call)?.deadline?.clear()
    return this.#calls.delete(call)
  }

  rejectAll(errorOf: (call: OutstandingCall) => GroupError): void {
    for (const [call, { reject }] of [...this.#calls]) if (this.settle(call)) reject(errorOf(call))
  }
}
