import { createLogUpdate } from 'log-update'
import { monotonicMs } from '../shared/clock.ts'
import type { Logger, LogLevel } from '../shared/logger.ts'
import type { GroupStatus } from '../status.ts'
import { Throughput } from './throughput.ts'

const REFRESH_MS = 500

/** One line on the terminal that tells how the group is doing, drawn over itself. Log lines scroll above it. */
export class LiveLine {
  readonly #draw = createLogUpdate(sizedTerminal(process.stdout), { showCursor: true })
  readonly #throughput = new Throughput()
  #timer: NodeJS.Timeout | undefined
  #text = ''

  start(readStatus: () => GroupStatus): void {
    this.#timer = setInterval(() => {
      const status = readStatus()
      this.#text = liveText(status, this.#throughput.add(status.handled, monotonicMs()))
      this.#draw(this.#text)
    }, REFRESH_MS)
  }

  /** Leaves the last line standing. Idempotent. */
  stop(): void {
    clearInterval(this.#timer)
    if (this.#text !== '') this.#draw.done()
    this.#text = ''
  }

  /** A logger whose lines do not end up inside the live line: both may be on the same terminal. */
  above(logger: Logger): Logger {
    const log =
      (level: LogLevel) =>
      (fields: object, message: string): void => {
        if (this.#text !== '') this.#draw.clear()
        logger[level](fields, message)
        if (this.#text !== '') this.#draw(this.#text)
      }
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  }
}

/** Records handled, rate, lag, partitions, and how busy each thread was since the last line. */
export function liveText(status: GroupStatus, recordsPerSecond: number): string {
  const owned = status.partitions.filter(partition => partition.epoch !== null).length
  const busy = status.workers.map(worker => `${Math.round(worker.busyShare * 100)}%`)
  const parts = [
    `${whole(status.handled)} records`,
    `${whole(recordsPerSecond)}/s`,
    `lag ${whole(status.lag)}`,
    `${owned} partitions`,
    `threads ${busy.length === 0 ? '-' : busy.join(' ')}`,
  ]
  return status.state === 'running' ? parts.join('   ') : [status.state, ...parts].join('   ')
}

/** Some terminals (of containers, of `script`) say that they are 0 by 0: nothing would be drawn there. */
function sizedTerminal(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return new Proxy(stream, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      const isUnknown = value === 0 && (name === 'columns' || name === 'rows')
      return isUnknown ? undefined : value
    },
  })
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
