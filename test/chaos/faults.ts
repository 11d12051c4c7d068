import { setTimeout as sleep } from 'node:timers/promises'
import { isStopped } from '#src/stack/is-stopped.js'
import type { RunningStack } from '#src/stack/start-stack.js'
import { eventually } from '../support/eventually.ts'
import { withAdmin } from '../support/kafka.ts'
import type { TcpGate } from '../support/tcp-gate.ts'
import type { Crew, CrewMember } from './crew.ts'
import type { SteadyProducer } from './producer.ts'
import type { Fault } from './history.ts'
import { TAKES_CLAIMS, type Step } from './schedule.ts'

export interface FaultField {
  readonly stack: RunningStack
  readonly crew: Crew
  readonly producer: Pick<SteadyProducer, 'burst'>
  readonly topic: string
  readonly stopTimeoutMs: number
}

/** One fault, ready to be carried out: what it hurts, and what was seen of it once it is over. */
export interface Act {
  readonly target: string
  /** Hurts, waits, heals, and tells the clock. Resolves with what was seen, or null if nothing was. */
  run(clock: FaultClock): Promise<string | null>
}

/** When a fault was at work. */
export class FaultClock {
  #fromMs = Date.now()
  #silentMs: number | null = null
  #answersMs: number | null = null
  #toMs: number | null = null

  get fromMs(): number {
    return this.#fromMs
  }

  /** Null: it is for good. */
  get toMs(): number | null {
    return this.#toMs
  }

  get unanswered(): Fault['unanswered'] {
    if (this.#silentMs === null || this.#answersMs === null) return null
    return { fromMs: this.#silentMs, toMs: this.#answersMs }
  }

  /** Everything that it had to wait for is there. */
  begins(): void {
    this.#fromMs = Date.now()
  }

  /** From now on ZooKeeper answers nothing. */
  silent(): void {
    this.#silentMs = Date.now()
  }

  /** What is about to be done lets it answer again. */
  answers(): void {
    this.#answersMs = Date.now()
  }

  healed(): void {
    this.#toMs = Date.now()
  }
}

/** While a broker is away it may take longer; then the member has to be stopped without. */
const BURST_WITHIN_MS = 1_000
const SEEN_WITHIN_MS = 3_000
/** After another fault: a session, and what comes to it then. */
const CLAIMS_WITHIN_MS = 15_000
const JOIN_WITHIN_MS = 60_000 // on a busy machine a first session may end before it is used, more than once
const EXIT_SLACK_MS = 2_000
const IN_SYNC_WITHIN_MS = 60_000

export function actOf(step: Step, field: FaultField): Act {
  const { kind } = step
  if (kind === 'join') return { target: step.memberId!, run: () => join(field, step.memberId!) }
  if (kind.startsWith('zookeeper-'))
    return { target: 'ZooKeeper', run: clock => hurtZooKeeper(step, field, clock) }
  if (kind.startsWith('broker-'))
    return { target: `broker ${step.broker}`, run: clock => hurtBroker(step, field, clock) }
  const victim = field.crew.holderOf(step.memberId!)
  return { target: victim.name, run: clock => hurtMember(step, victim, field, clock) }
}

async function hurtMember(
  step: Step,
  victim: CrewMember,
  field: FaultField,
  clock: FaultClock,
): Promise<string | null> {
  const { kind } = step
  if (kind === 'leave') return leave(victim, field.stopTimeoutMs)
  if (kind === 'kill') return kill(victim)
  if (kind === 'restart') return restart(step, victim, field)
  if (TAKES_CLAIMS.has(kind)) await within(CLAIMS_WITHIN_MS, () => victim.hasClaims)
  if (kind.startsWith('freeze-')) {
    await Promise.race([field.producer.burst(), sleep(BURST_WITHIN_MS)]) // so that it has records in its queue when it goes on
    return freeze(step, victim, clock)
  }
  const gates = kind.includes('zookeeper') ? [victim.zookeeperGate] : victim.brokerGates
  return kind.startsWith('slow-') ? slow(step, gates, clock) : cut(step, gates, clock)
}

async function join({ crew }: FaultField, memberId: string): Promise<string | null> {
  const fromMs = Date.now()
  const member = await crew.start(memberId)
  return (await hasJoined(member)) ? `joined after ${Date.now() - fromMs} ms` : null
}

export async function hasJoined({ process }: CrewMember): Promise<boolean> {
  return within(JOIN_WITHIN_MS, () => process.events.some(({ event }) => event === 'joined'))
}

/** Waits for its exit so that its place is free afterwards; how it exited is for the judge. */
async function leave(victim: CrewMember, stopTimeoutMs: number): Promise<string | null> {
  const fromMs = Date.now()
  victim.tell('leave')
  const gone = await within(stopTimeoutMs + EXIT_SLACK_MS, () => victim.hasExited)
  return gone ? `exited with ${victim.exit!.with} after ${Date.now() - fromMs} ms` : null
}

async function kill(victim: CrewMember): Promise<string | null> {
  victim.tell('kill')
  const gone = await within(SEEN_WITHIN_MS, () => victim.exit?.with === 'SIGKILL')
  return gone ? `process ${victim.process.pid} is gone` : null
}

/** A new process takes the dead one's member id: it has to wait for the dead session. */
async function restart(step: Step, victim: CrewMember, field: FaultField): Promise<string | null> {
  const killed = await kill(victim)
  await sleep(step.lastsMs)
  const joined = await join(field, victim.memberId)
  return killed === null || joined === null ? null : `${killed}; its successor ${joined}`
}

async function freeze(step: Step, victim: CrewMember, clock: FaultClock): Promise<string | null> {
  clock.begins()
  const eventsBefore = victim.process.events.length
  victim.process.signal('SIGSTOP')
  const stopped = await within(SEEN_WITHIN_MS, () => isStopped(victim.process.pid))
  await sleep(step.lastsMs)
  clock.healed() // before: its threads go on at once, and what they do then is judged by this time
  victim.process.signal('SIGCONT')
  if (!stopped || step.kind === 'freeze-short') return stopped ? 'every thread was stopped' : null
  const lost = await within(SEEN_WITHIN_MS, () => hasLostSession(victim, eventsBefore))
  return lost ? 'every thread was stopped, and it lost its session' : null
}

function hasLostSession({ process }: CrewMember, after: number): boolean {
  return process.events.slice(after).some(({ event }) => event === 'session:lost')
}

async function cut(step: Step, gates: readonly TcpGate[], clock: FaultClock): Promise<string | null> {
  const connections = (): number => gates.reduce((sum, gate) => sum + gate.connections, 0)
  await within(SEEN_WITHIN_MS, () => connections() > 0) // it may be about to connect again after another fault
  const count = connections()
  clock.begins()
  for (const gate of gates) {
    if (step.manner === 'closed') gate.shut()
    else gate.silence()
  }
  if (step.kind.startsWith('cut-zookeeper-')) clock.silent()
  await sleep(step.lastsMs)
  clock.answers()
  for (const gate of gates) gate.reopen()
  clock.healed()
  return count > 0 ? `${count} connections were ${step.manner}` : null
}

async function slow(step: Step, gates: readonly TcpGate[], clock: FaultClock): Promise<string | null> {
  const delayed = (): number => gates.reduce((sum, gate) => sum + gate.delayed, 0)
  const before = delayed()
  for (const gate of gates) gate.slow(step.delayMs)
  await sleep(step.lastsMs)
  await within(SEEN_WITHIN_MS, () => delayed() > before) // it may be without a connection for a moment
  for (const gate of gates) gate.slow(0)
  clock.healed()
  const pieces = delayed() - before
  return pieces > 0 ? `${pieces} pieces of data came ${step.delayMs} ms late` : null
}

async function hurtZooKeeper(
  step: Step,
  { stack, crew }: FaultField,
  clock: FaultClock,
): Promise<string | null> {
  const server = stack.zookeeperProcess
  if (step.kind === 'zookeeper-freeze-long')
    await within(CLAIMS_WITHIN_MS, () => crew.alive.some(member => member.hasClaims))
  const witnesses = crew.alive.filter(member => !member.isWithoutSession)
  clock.begins()
  const before = witnesses.map(member => member.process.events.length)
  if (step.kind === 'zookeeper-stop') {
    const open = (): number =>
      crew.alive.reduce((sum, { zookeeperGate }) => sum + zookeeperGate.connections, 0)
    await within(SEEN_WITHIN_MS, () => open() > 0) // it may have come back only now
    const connections = open()
    clock.begins()
    await server.stop()
    clock.silent()
    await sleep(step.lastsMs)
    clock.answers()
    await server.start()
    clock.healed()
    return connections > 0 ? `${connections} connections of members ended` : null
  }
  await server.freeze()
  clock.silent()
  await sleep(step.lastsMs)
  clock.answers()
  await server.thaw()
  clock.healed()
  if (step.kind === 'zookeeper-freeze-short') return 'every thread was stopped'
  const losers = (): number => witnesses.filter((member, n) => hasLostSession(member, before[n]!)).length
  await within(SEEN_WITHIN_MS, () => losers() > 0)
  return losers() > 0 ? `${losers()} members saw their lease end` : null
}

async function hurtBroker(step: Step, field: FaultField, clock: FaultClock): Promise<string | null> {
  const server = field.stack.brokerProcess(step.broker!)
  const { pid } = server
  await (step.kind === 'broker-stop' ? server.stop() : server.kill())
  const wasAway = server.state === 'stopped'
  await sleep(step.lastsMs)
  await server.start()
  await inSync(field)
  clock.healed()
  return wasAway ? `process ${pid} was gone` : null
}

/** Before every replica has everything, the next broker's absence could leave partitions without a leader. */
async function inSync({ stack, topic }: FaultField): Promise<void> {
  await eventually(
    async () => {
      const found = await withAdmin(stack.brokers, admin =>
        admin.fetchTopicMetadata({ topics: [topic] }),
      ).catch(() => null) // a broker that has just started may not know it yet
      const partitions = found?.topics[0]?.partitions ?? []
      return partitions.length > 0 && partitions.every(({ isr, replicas }) => isr.length === replicas.length)
    },
    { deadlineMs: IN_SYNC_WITHIN_MS, intervalMs: 200, message: 'every replica is in sync again' },
  )
}

/** True as soon as the condition holds; false if it does not in time. */
async function within(ms: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  return eventually(condition, { deadlineMs: ms, intervalMs: 10 }).then(
    () => true,
    () => false,
  )
}
