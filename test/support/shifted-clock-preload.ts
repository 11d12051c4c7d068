// Preloaded into a process and its threads: `Date.now` shows the real time plus what the file says. It is read again when
// it is asked for after a while, not by a timer, because a thread inside a handler runs no timers.
import { readFileSync } from 'node:fs'

const file = new URL(import.meta.url).searchParams.get('file')!
const realNow = Date.now
const READ_AGAIN_MS = 1
let shiftMs = 0
let readAtMs = -Infinity

Date.now = () => {
  const nowMs = performance.now()
  if (nowMs >= readAtMs + READ_AGAIN_MS) {
    shiftMs = Number(readFileSync(file, 'utf8'))
    readAtMs = nowMs
  }
  return realNow() + shiftMs
}
