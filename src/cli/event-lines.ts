import type { GroupEventName } from '../events.ts'
import type { Group } from '../group.ts'
import { monotonicMs, wallMs } from '../shared/clock.ts'
import { isGroupError, messageOf, type GroupError } from '../shared/errors.ts'
import { printJson } from './output.ts'
import { Throughput } from './throughput.ts'

const PROGRESS_INTERVAL_MS = 1_000

const FORWARDED = [
  'partition:claimed',
  'partition:released',
  'group:rebalanced',
  'offsets:committed',
  'session:lost',
  'session:restored',
  'worker:died',
  'worker:replaced',
  'record:failed',
  'record:skipped',
  'record:dead-lettered',
  'group:state',
] as const satisfies GroupEventName[]

/**
 * What `kwg run --json` prints: the events of the group under their own names, a `progress` line every second, and
 * `started`, `stopped`, `failed`. docs/cli.md describes each line.
 */
export class EventLines {
  readonly #group: Group
  readonly #throughput = new Throughput()
  #progress: NodeJS.Timeout | undefined

  constructor(group: Group) {
    this.#group = group
    for (const event of FORWARDED) group.on(event, payload => printEvent(event, readable(payload)))
    group.on('error', error => printEvent('error', errorFields(error)))
    this.#progress = setInterval(() => this.#printProgress(), PROGRESS_INTERVAL_MS)
  }

  started(): void {
    const { groupId, memberId, options } = this.#group
    printEvent('started', { groupId, memberId, topics: options.topics, threads: options.threads })
  }

  /** The last line: how the group ended. */
  ended(failure: unknown): void {
    clearInterval(this.#progress)
    const { handled } = this.#group.status()
    if (failure === undefined) printEvent('stopped', { handled })
    else printEvent('failed', { handled, ...errorFields(failure) })
  }

  #printProgress(): void {
    const { state, handled, lag, partitions, workers } = this.#group.status()
    printEvent('progress', {
      state,
      handled,
      recordsPerSecond: Math.round(this.#throughput.add(handled, monotonicMs())),
      lag,
      partitions: partitions.filter(partition => partition.epoch !== null).length,
      threads: workers.map(({ threadId, busyShare }) => ({
        threadId,
        busyShare: Number(busyShare.toFixed(3)),
      })),
    })
  }
}

/** A failure before there was a group. */
export function printFailed(failure: unknown): void {
  printEvent('failed', errorFields(failure))
}

/** JSON shows nothing of an Error. */
function readable(payload: object): object {
  return 'error' in payload ? { ...payload, error: errorFields(payload.error) } : payload
}

function printEvent(event: string, fields: object): void {
  printJson({ time: new Date(wallMs()).toISOString(), event, ...fields })
}

function errorFields(thrown: unknown): Partial<GroupError> {
  const message = messageOf(thrown)
  if (!isGroupError(thrown)) return { message }
  return { code: thrown.code, retryable: thrown.retryable, message, details: thrown.details }
}
