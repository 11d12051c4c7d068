import { setTimeout as sleep } from 'node:timers/promises'
import cliProgress from 'cli-progress'

const LOOK_EVERY_MS = 100

/** Draws a bar until `total` records are handled, the signal aborts, or the group fails. Without a terminal: a line now and then. */
export async function showProgress(group, total, signal) {
  const bar = new cliProgress.SingleBar(
    {
      format: '  {bar} {percentage}% | {value}/{total} records | {rate} records/s | lag {lag}',
      noTTYOutput: !process.stderr.isTTY,
      notTTYSchedule: 2000,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  )
  let failure = null
  group.on('error', error => {
    failure = error
  })
  const startedMs = performance.now()
  bar.start(total, 0, { rate: 0, lag: '?' })
  try {
    for (;;) {
      const { handled, lag } = group.status()
      const seconds = (performance.now() - startedMs) / 1000
      bar.update(handled, {
        rate: Math.round(handled / seconds).toLocaleString('en'),
        lag: lag.toLocaleString('en'),
      })
      if (failure !== null) throw failure
      if (handled >= total || signal.aborted) return
      await sleep(LOOK_EVERY_MS)
    }
  } finally {
    bar.stop()
  }
}
