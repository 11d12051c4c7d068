// A member in a process of its own, to be killed, frozen and thawed. Options come as JSON in KWG_MEMBER; events go to
// standard output, one JSON object per line. With KWG_MEMBER_LOGS log lines go to standard error.
import type { GroupEventName, RunGroupOptions } from '#src/index.js'
import { startGroup } from '#src/run-group.js'
import { createDefaultLogger, silentLogger } from '#src/shared/logger.js'
import { onLaneCall } from './lane-calls.ts'

interface MemberStart {
  readonly handler: string
  readonly options: RunGroupOptions
  readonly isDeafToErrors: boolean
}

const EVENTS: GroupEventName[] = [
  'partition:claimed',
  'partition:released',
  'offsets:committed',
  'session:lost',
  'session:restored',
  'record:failed',
  'record:skipped',
  'record:dead-lettered',
  'worker:died',
  'worker:replaced',
  'group:state',
  'error',
]

function tell(event: string, payload: unknown): void {
  const plain = JSON.stringify({ event, atMs: Date.now(), payload }, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString()
    return value instanceof Error ? { ...(value as object), message: value.message } : value
  })
  process.stdout.write(`${plain}\n`)
}

onLaneCall(call => tell('lane:call', call))
const { handler, options, isDeafToErrors } = JSON.parse(process.env['KWG_MEMBER'] ?? '{}') as MemberStart
const logger = process.env['KWG_MEMBER_LOGS'] === undefined ? silentLogger : createDefaultLogger()
const { group, joined } = startGroup(new URL(handler), { logger, ...options })
let isStopping = false
process.once('SIGTERM', () => {
  isStopping = true
  void group.stop() // handlers may be at work before the start has ended
})
const heard = EVENTS.filter(event => !(isDeafToErrors && event === 'error'))
for (const event of heard) group.on(event, payload => tell(event, payload))
await joined.then(
  () => tell('joined', { memberId: group.memberId }),
  (error: unknown) => {
    if (!isStopping) throw error // a start that was told to stop is no failure
  },
)
await group.finished
tell('finished', {})
