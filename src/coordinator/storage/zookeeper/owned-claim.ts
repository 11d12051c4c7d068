import { StateMachine } from '../../../shared/state-machine.ts'
import type { GroupError } from '../../../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../../../shared/types.ts'
import type { Progress } from '../../progress/progress.ts'
import type { Claim } from '../group-storage.ts'
import type { ZooKeeperClient } from './client.ts'
import type { Znode } from './znode.ts'

const MOVES = {
  held: ['releasing', 'released', 'replaced', 'lost', 'void'],
  releasing: ['held', 'released', 'replaced', 'lost', 'void'],
  released: [],
  /** Its release failed, and the partition was claimed again. */
  replaced: [],
  /** The owner node is gone although the session lives. */
  lost: [],
  /** The session is over. */
  void: [],
} as const

/** Version of an offset node that is not there: the one before the first. */
export const NO_NODE_YET = -1

export interface ClaimNodes {
  readonly ownerPath: string
  readonly ownerData: Buffer
  readonly offsetPath: string
  readonly progressPath: string
}

/** What was stored when the claim was made. */
export type StoredPosition = Pick<Claim, 'committedOffset' | 'progress' | 'progressFault'>

export interface ClaimFacts extends StoredPosition {
  readonly epoch: bigint
  readonly ownerVersion: number
  readonly offsetVersion: number
  readonly progressVersion: number
}

/** A claim with what its writes need. It belongs to the session of `client` and to no other. */
export class OwnedClaim implements Claim {
  readonly topic: string
  readonly partition: number
  readonly epoch: bigint
  readonly committedOffset: Offset | null
  readonly progress: Progress | null
  readonly progressFault: GroupError | null
  readonly client: ZooKeeperClient
  readonly nodes: ClaimNodes
  readonly state: StateMachine<keyof typeof MOVES>
  ownerVersion: number
  /** Both as far as is known; a write that finds them otherwise is made again. */
  offsetVersion: number
  progressVersion: number
  /** Writes to the offset whose answer was lost with a connection: each may or may not have raised the version. */
  unansweredWrites = 0
  /** A release whose answer was lost: the offset it stored, null for none; undefined if there is no such release. */
  doubtfulRelease: Offset | null | undefined = undefined
  stopWatching: () => void = () => {}
  #lastTurn: Promise<unknown> = Promise.resolve()

  constructor(of: TopicPartition, client: ZooKeeperClient, nodes: ClaimNodes, facts: ClaimFacts) {
    this.topic = of.topic
    this.partition = of.partition
    this.client = client
    this.nodes = nodes
    this.epoch = facts.epoch
    this.committedOffset = facts.committedOffset
    this.progress = facts.progress
    this.progressFault = facts.progressFault
    this.ownerVersion = facts.ownerVersion
    this.offsetVersion = facts.offsetVersion
    this.progressVersion = facts.progressVersion
    this.state = new StateMachine(`claim of ${partitionName(of)}`, MOVES, 'held')
  }

  get isAlive(): boolean {
    return this.state.is('held', 'releasing')
  }

  /** A transaction took effect: each node that it wrote is one version on, or was made. */
  wrote(offset: boolean, progress: boolean): void {
    if (offset) this.offsetVersion += 1
    if (progress) this.progressVersion += 1
    this.unansweredWrites = 0
  }

  /** The nodes as they are now. */
  learn(offset: Znode | null, progress: Znode | null): void {
    this.offsetVersion = offset?.stat.version ?? NO_NODE_YET
    this.progressVersion = progress?.stat.version ?? NO_NODE_YET
    this.unansweredWrites = 0
  }

  /** Runs after every earlier turn of this claim: a final commit must not be overtaken by the one before it. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work)
    this.#lastTurn = turn.catch(() => undefined) // whoever asked for the turn handles its failure
    return turn
  }

  /** Ends the claim; nothing is heard of its node any more. */
  finish(how: 'released' | 'replaced' | 'lost' | 'void', reason: string): void {
    this.state.moveTo(how, reason)
    this.stopWatching()
  }
}
