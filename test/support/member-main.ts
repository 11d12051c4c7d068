// A member in a process of its own, to be killed, frozen and thawed. Options come as JSON in KWG_MEMBER; events go to
// standard output, one JSON object per line.
import type { GroupEventName, RunGroupOptions } from '#src/index.js'
import { startGroup } from '#src/run-group.js'
import { silentLogger } from '#src/shared/logger.js'
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
const { group, joined } = startGroup(new URL(handler), { logger: silentLogger, ...options })
process.once('SIGTERM', () => void group.stop()) // handlers may be at work before the start has ended
const heard = EVENTS.filter(event => !(isDeafToErrors && event === 'error'))
for (const event of heard) group.on(event, payload => tell(event, payload))
await joined
tell('joined', { memberId: group.memberId })
await group.finished
tell('finished', {})
