// Has the machine to itself: it measures time.
import { describe, it } from 'node:test'
import { assertBounds } from '../support/bounds.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { stopAtAnyMoment } from '../support/stop-at-any-moment.ts'

failOnLeaks()

/** A chaos run makes more. */
const TRIES = 10

describe('SIGTERM 0 to 300 ms after another member came, went or was lost', () => {
  it('ends a member with code 0 within its deadline, leaves no partition unowned for more than 150 ms, and loses nothing', t =>
    assertBounds(t, of => stopAtAnyMoment(of, TRIES, text => of.diagnostic(text))))
})
