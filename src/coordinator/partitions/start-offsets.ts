import { monotonicMs } from '../../shared/clock.ts'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import type { OffsetReset } from '../../options/types.ts'
import { topicRecreated } from '../coordinator-errors.ts'
import { processOf } from '../assignment/id-node.ts'
import { normally } from '../progress/open-claim.ts'
import { progressAt, type Progress } from '../progress/progress.ts'
import type { Claim, GroupStorage, StoredOffset } from '../storage/group-storage.ts'
import type { KafkaCluster, TopicDescription } from '../kafka/cluster.ts'

/** Where the log of a new partition begins. */
export const FIRST_OFFSET: Offset = 0

/** The broker that is asked may hear of a topic after whoever stored it. */
const LOOKS_FOR_STORED_TOPIC = 3
/** Longer than brokers take to hear of a topic. */
const CATCH_UP_MS = 10_000

export type StartRule = 'stored' | 'earliest' | 'latest' | 'none'

/**
 * Where a partition starts that this member is about to own.
 * What is stored counts. A partition beyond those the group knew of its topic, or that was not there when the member
 * started, is new: it starts at earliest, because at latest its first records would be lost. All else
 * is the birth of the group for that topic: the reset policy.
 */
export function startRule(
  { topic, partition }: TopicPartition,
  stored: KnownPartitions,
  cameLater: boolean,
  reset: OffsetReset,
): StartRule {
  const known = stored.get(topic)
  if (known?.partitions.has(partition) === true) return 'stored'
  const isBeyondKnown = known !== undefined && partition > known.last
  return cameLater || isBeyondKnown ? 'earliest' : reset
}

/** By topic; no entry for a topic of which nothing is stored. */
export type KnownPartitions = ReadonlyMap<string, { readonly partitions: Set<number>; readonly last: number }>

export function knownPartitions(stored: readonly TopicPartition[]): KnownPartitions {
  const known = new Map<string, { partitions: Set<number>; last: number }>()
  for (const { topic, partition } of stored) {
    const of = known.get(topic) ?? { partitions: new Set<number>(), last: partition }
    of.partitions.add(partition)
    of.last = Math.max(of.last, partition)
    known.set(topic, of)
  }
  return known
}

export interface StartOffsetsOptions {
  readonly groupId: string
  readonly offsetReset: OffsetReset
  readonly readCommitted: boolean
}

/** Where a claim starts, and what is stored of it by then. */
export interface ClaimStart {
  readonly offset: Offset
  readonly progress: Progress
  /** Processes of the group that live, as far as `progress` names any that may not. */
  readonly alive: ReadonlySet<string>
}

export interface StartOffsetsParts {
  readonly storage: Pick<
    GroupStorage,
    'readStored' | 'readOffsetsOf' | 'readTopics' | 'pinStartOffsets' | 'commit' | 'readMembers'
  >
  readonly cluster: Pick<KafkaCluster, 'listOffsets' | 'listOffsetsInTime' | 'topicIdOf' | 'refresh'>
  report(error: GroupError): void
}

/** Resolves start positions against the brokers and stores them before anybody can skip records. */
export class StartOffsets {
  readonly #options: StartOffsetsOptions
  readonly #parts: StartOffsetsParts
  /** How many partitions of each topic there were when this member started; no entry for a topic that came later. */
  readonly #atStart = new Map<string, number>()
  /** What brokers say of topics against what the storage says, and since when. */
  readonly #insisted = new Map<string, { readonly topicId: string; readonly sinceMs: number }>()

  constructor(options: StartOffsetsOptions, parts: StartOffsetsParts) {
    this.#options = options
    this.#parts = parts
  }

  /** These are there at the start; everything that comes later starts at its first record. */
  startWith(existing: readonly TopicDescription[]): void {
    for (const { topic, partitions } of existing) this.#atStart.set(topic, partitions.length)
  }

  topicAppearedLater(topic: string): void {
    this.#atStart.delete(topic)
  }

  /**
   * At the birth of a group, of topics in it or of partitions in those: pins the start of every partition that has none.
   * All partitions of a topic at once: the first to be pinned alone would make the others look like old ones. With
   * `patienceMs`, partitions whose leader does not answer in time are pinned where new ones begin, or else left to their
   * claims.
   */
  async pinMissing(partitions: readonly TopicPartition[], patienceMs?: number): Promise<void> {
    const stored = await this.#readStored(partitions)
    const ruledBy = (rule: StartRule): TopicPartition[] =>
      partitions.filter(partition => this.#rule(partition, stored) === rule)
    const earliest = ruledBy('earliest')
    const found = await this.#resolve(earliest, 'earliest', patienceMs)
    const latest = await this.#resolve(ruledBy('latest'), 'latest', patienceMs)
    const pins = [...found, ...withoutAnswer(earliest, found), ...latest]
    if (pins.length === 0) return
    const { storage, cluster } = this.#parts
    await storage.pinStartOffsets(pins.map(pin => ({ ...pin, topicId: cluster.topicIdOf(pin.topic) })))
  }

  /**
   * Where a claim starts; the position is stored, with the incarnation of the topic, unless it is stored already. What
   * is stored of an earlier incarnation counts for nothing. OFFSET_MISSING if nothing counts and the policy is 'none'.
   */
  async resolveStart(claim: Claim): Promise<ClaimStart> {
    if (claim.progressFault !== null) this.#parts.report(claim.progressFault)
    const storedId = claim.progress?.topicId ?? null
    const topicId = await this.#presentId(claim.topic, storedId)
    const isRecreated = storedId !== null && topicId !== storedId
    const offset = await this.#startOf(claim, isRecreated)
    const kept = isRecreated || offset !== claim.committedOffset ? null : claim.progress
    const progress = kept === null ? progressAt(offset, topicId, normally()) : { ...kept, topicId }
    // Told first: if the answer to the commit is lost, the next claim finds nothing to tell.
    if (isRecreated) this.#parts.report(topicRecreated(claim, storedId, topicId))
    // Also where the offset alone is stored: a process that dies of its first record must have left a sign of its claim.
    if (kept === null || topicId !== storedId) await this.#parts.storage.commit(claim, offset, progress)
    return { offset, progress, alive: await this.#readAlive(progress) }
  }

  /** Read now: a member whose session ended is back by the time it has anything to do with this claim, if it ever is. */
  async #readAlive({ open }: Progress): Promise<ReadonlySet<string>> {
    if (open === null || open.deaths.length === 0) return new Set()
    const { members } = await this.#parts.storage.readMembers()
    return new Set(members.flatMap(({ data }) => processOf(data) ?? []))
  }

  async #startOf(claim: Claim, isRecreated: boolean): Promise<Offset> {
    if (claim.committedOffset !== null && !isRecreated) return claim.committedOffset
    const rule = isRecreated ? 'earliest' : this.#rule(claim, await this.#readStored([claim]))
    if (rule === 'none') throw missingOffset(claim)
    if (rule === 'stored') return this.#pinnedMeanwhile(claim)
    const [start] = await this.#resolve([claim], rule)
    return start!.offset
  }

  /** Another member has pinned it since the claim was read. */
  async #pinnedMeanwhile(claim: Claim): Promise<Offset> {
    const [pinned] = await this.#parts.storage.readOffsetsOf(this.#options.groupId, [claim])
    if (pinned === undefined) throw missingOffset(claim)
    return pinned.offset
  }

  /**
   * The incarnation that is read now. Asked for anew where it is not the stored one: whoever stored that may have heard
   * of the latest before us, and then ours is an earlier one. A topic that is not there now is taken for the stored one.
   */
  async #presentId(topic: string, storedId: string | null): Promise<string | null> {
    const { cluster } = this.#parts
    const known = cluster.topicIdOf(topic)
    if (storedId === null || known === storedId) return known
    for (let look = 1; look <= LOOKS_FOR_STORED_TOPIC; look += 1) {
      await cluster.refresh()
      const present: string = cluster.topicIdOf(topic) ?? storedId
      if (present === storedId) return storedId
      const inStorage = await this.#idInStorage(topic)
      const isNews = present !== known || look === LOOKS_FOR_STORED_TOPIC
      if (inStorage === null ? isNews : inStorage === present || this.#insist(topic, present)) return present
    }
    throw brokersAreBehind(topic, storedId)
  }

  /** Brokers that name the same id for so long are right: a storage that they have left for good still names the old one. */
  #insist(topic: string, topicId: string): boolean {
    const nowMs = monotonicMs()
    const before = this.#insisted.get(topic)
    if (before?.topicId === topicId) return nowMs - before.sinceMs >= CATCH_UP_MS
    this.#insisted.set(topic, { topicId, sinceMs: nowMs })
    return false
  }

  /** Null where that keeps no topics, does not let them be read, or does not have this one now. */
  async #idInStorage(topic: string): Promise<string | null> {
    try {
      const [found] = (await this.#parts.storage.readTopics([topic])) ?? []
      return found?.topicId ?? null
    } catch (error) {
      if (!isGroupError(error) || error.retryable) throw error
      return null
    }
  }

  #rule(partition: TopicPartition, stored: KnownPartitions): StartRule {
    const cameLater = partition.partition >= (this.#atStart.get(partition.topic) ?? 0)
    return startRule(partition, stored, cameLater, this.#options.offsetReset)
  }

  async #readStored(partitions: readonly TopicPartition[]): Promise<KnownPartitions> {
    const topics = [...new Set(partitions.map(one => one.topic))]
    return knownPartitions(await this.#parts.storage.readStored(this.#options.groupId, topics))
  }

  async #resolve(
    partitions: readonly TopicPartition[],
    rule: 'earliest' | 'latest',
    patienceMs?: number,
  ): Promise<StoredOffset[]> {
    if (partitions.length === 0) return []
    const { cluster } = this.#parts
    const { readCommitted } = this.#options
    if (patienceMs === undefined) return cluster.listOffsets(partitions, rule, readCommitted)
    return cluster.listOffsetsInTime(partitions, rule, readCommitted, patienceMs)
  }
}

/** New partitions begin there; left out, they would pass for old ones that were never read once those beyond them are pinned. */
function withoutAnswer(
  partitions: readonly TopicPartition[],
  found: readonly TopicPartition[],
): StoredOffset[] {
  const names = new Set(found.map(partitionName))
  return partitions
    .filter(partition => !names.has(partitionName(partition)))
    .map(({ topic, partition }) => ({ topic, partition, offset: FIRST_OFFSET }))
}

/** Retryable: the claim is given back, and tried again in a while. */
function brokersAreBehind(topic: string, storedId: string): GroupError {
  return new GroupError(
    'BROKER_DISCONNECTED',
    `the broker that was asked does not know yet that topic "${topic}" was made again (topic id ${storedId})`,
    { details: { topic, topicId: storedId } },
  )
}

function missingOffset(partition: TopicPartition): GroupError {
  const { topic, partition: number } = partition
  return new GroupError(
    'OFFSET_MISSING',
    `no offset is stored for ${partitionName(partition)} and offsetReset is 'none': store one, or choose 'earliest' or 'latest'`,
    { details: { topic, partition: number } },
  )
}
