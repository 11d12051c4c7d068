import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunGroupOptions } from '#src/index.js'
import type { RunningStack } from '#src/stack/start-stack.js'
import type { Owner } from '../support/cleanup.ts'
import { MemberProcess, type MemberEvent } from '../support/member-process.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import type { ProcessHistory, SessionEvent } from './history.ts'
import { chaosHandler } from './ledger-files.ts'

const BROKER_GATES = new URL('./broker-gates.js', import.meta.url)

export interface CrewOptions {
  readonly stack: RunningStack
  readonly member: Omit<RunGroupOptions, 'zookeeper' | 'memberId'>
  readonly sessionMs: number
  readonly ledgerDirectory: string
}

/** One member of the run in its process, behind gates of its own. */
export class CrewMember {
  readonly name: string
  readonly memberId: string
  readonly process: MemberProcess
  readonly zookeeperGate: TcpGate
  readonly brokerGates: readonly TcpGate[]
  readonly startedMs = Date.now()
  told: ProcessHistory['told'] = null
  exit: ProcessHistory['exit'] = null

  constructor(
    name: string,
    memberId: string,
    process: MemberProcess,
    gates: { zookeeper: TcpGate; brokers: readonly TcpGate[] },
  ) {
    this.name = name
    this.memberId = memberId
    this.process = process
    this.zookeeperGate = gates.zookeeper
    this.brokerGates = gates.brokers
    void process.exited.then(result => (this.exit = { with: result, atMs: Date.now() }))
  }

  get hasExited(): boolean {
    return this.exit !== null
  }

  tell(what: 'leave' | 'kill'): void {
    this.told = { what, atMs: Date.now() }
    this.process.signal(what === 'leave' ? 'SIGTERM' : 'SIGKILL')
  }

  /** True from when it said that its session is in doubt or over, until it said that it has one. */
  get isWithoutSession(): boolean {
    return this.#sessions.at(-1)?.what === 'lost'
  }

  /** It has a session and, in it, a partition to lose. */
  get hasClaims(): boolean {
    const claimed = new Set<unknown>()
    for (const { event, payload } of this.process.events) {
      if (event === 'session:restored' && payload['sameClaims'] === false) claimed.clear()
      if (event === 'partition:claimed') claimed.add(payload['partition'])
      if (event === 'partition:released') claimed.delete(payload['partition'])
    }
    return !this.isWithoutSession && claimed.size > 0
  }

  get #sessions(): SessionEvent[] {
    return this.process.events.flatMap(({ event, atMs }): SessionEvent[] => {
      if (event === 'session:lost') return [{ what: 'lost', atMs }]
      return event === 'session:restored' ? [{ what: 'restored', atMs }] : []
    })
  }

  history(): ProcessHistory {
    const { events } = this.process
    const failed = events.find(({ event, payload }) => event === 'group:state' && payload['to'] === 'failed')
    return {
      name: this.name,
      memberId: this.memberId,
      startedMs: this.startedMs,
      told: this.told,
      exit: this.exit,
      failedWith: failed === undefined ? null : String(failed.payload['reason']),
      sessions: this.#sessions,
      errors: events.filter(({ event }) => event === 'error').map(toError),
    }
  }
}

function toError({ payload, atMs }: MemberEvent): ProcessHistory['errors'][number] {
  return { code: String(payload['code']), message: String(payload['message']), atMs }
}

/** All member processes of a run, those that have ended too. */
export class Crew {
  readonly all: CrewMember[] = []
  readonly #owner: Owner
  readonly #options: CrewOptions

  constructor(owner: Owner, options: CrewOptions) {
    this.#owner = owner
    this.#options = options
  }

  get alive(): CrewMember[] {
    return this.all.filter(member => !member.hasExited && member.told === null)
  }

  /** The process that has this member id now. */
  holderOf(memberId: string): CrewMember {
    const found = this.all.findLast(member => member.memberId === memberId)
    if (found === undefined) throw new Error(`nobody was ever started as ${memberId}`)
    return found
  }

  async start(memberId: string): Promise<CrewMember> {
    const { stack, member, sessionMs, ledgerDirectory } = this.#options
    const before = this.all.filter(one => one.memberId === memberId).length
    const name = before === 0 ? memberId : `${memberId}.${before + 1}`
    const zookeeper = await TcpGate.open(this.#owner, stack.zookeeper)
    const brokers = await Promise.all(stack.brokers.map(address => TcpGate.open(this.#owner, address)))
    const started = new MemberProcess(
      this.#owner,
      chaosHandler(ledgerDirectory, name),
      {
        ...member,
        memberId,
        zookeeper: { servers: zookeeper.address, sessionTimeoutMs: sessionMs, connectTimeoutMs: 30_000 },
      },
      {
        preload: [BROKER_GATES],
        env: { KWG_BROKER_GATES: gatePorts(stack.brokers, brokers), KWG_MEMBER_LOGS: 'info' },
      },
    )
    const joined = new CrewMember(name, memberId, started, { zookeeper, brokers })
    this.all.push(joined)
    return joined
  }

  /** What every process said, one file for its events and one for its log. */
  writeLogs(directory: string): void {
    for (const { name, process } of this.all) {
      const lines = process.events.map(event => JSON.stringify(event))
      writeFileSync(join(directory, `${name}.events.jsonl`), lines.map(line => `${line}\n`).join(''))
      writeFileSync(join(directory, `${name}.stderr.txt`), process.errors)
    }
  }
}

function gatePorts(brokers: readonly string[], gates: readonly TcpGate[]): string {
  return JSON.stringify(
    Object.fromEntries(brokers.map((address, id) => [portOf(address), portOf(gates[id]!.address)])),
  )
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
