import { randomInt } from 'node:crypto'
import os from 'node:os'
import { wallMs } from '../shared/clock.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const LETTER_COUNT = 8

/** `<hostname>-<ms since 1970>-<8 letters>`: the form of the original, so that its tools and eyes know it. */
export function createMemberId(): string {
  const letters = Array.from({ length: LETTER_COUNT }, () => LETTERS.charAt(randomInt(LETTERS.length)))
  return `${os.hostname()}-${wallMs()}-${letters.join('')}`
}
