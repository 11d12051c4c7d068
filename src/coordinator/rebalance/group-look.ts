import { GroupError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Assignment } from '../assignment/assignment.ts'
import type { AssignmentKind } from '../assignment/negotiate.ts'
import { parseIdNode } from '../assignment/id-node.ts'
import type { SeenTopic } from '../assignment/next-plan.ts'
import { decodePlan } from '../assignment/plan-format.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import type { GroupStorage, MembersView, StoredPlan } from '../storage/group-storage.ts'
import { decide, type Decision, type Outcome, type SeenGroup } from './decide.ts'
import { TopicLook } from './topic-look.ts'

export interface GroupLookParts {
  readonly groupId: string
  /** Where the nodes of the group are, for messages. */
  readonly groupPath: string
  readonly memberId: string
  readonly topics: readonly string[]
  readonly storage: Pick<GroupStorage, 'readMembers' | 'readPlan' | 'writePlan' | 'readOwners'>
  readonly cluster: Pick<KafkaCluster, 'describeTopics'>
  readonly logger: Logger
}

export type GroupDecision = Decision & {
  readonly assignBy: AssignmentKind
  /** Brokers did not tell of the topics just now: to be decided again when they may. */
  readonly isProvisional: boolean
}

/** The plan may be newer than the members that were seen, by one change at a time. */
const LOOKS = 5

/** Reads what a member needs to know to decide, and decides. */
export class GroupLook {
  readonly #parts: GroupLookParts
  readonly #topics: TopicLook
  /** Version of the plan that was there while the group divided by a rule of other programs. */
  #outdatedPlan: number | null = null

  constructor(parts: GroupLookParts) {
    this.#parts = parts
    this.#topics = new TopicLook(parts)
  }

  /** Rejects with ZOOKEEPER_DISCONNECTED, SESSION_EXPIRED …; with BROKER_DISCONNECTED … only if no broker has ever answered. */
  async decide(isLeaving = false): Promise<GroupDecision> {
    for (let look = 1; look <= LOOKS; look += 1) {
      const decision = await this.#decideOnce(isLeaving)
      if (decision !== 'stale') return decision
    }
    throw this.#notThere()
  }

  /**
   * Takes this member out of the plan, so that others can wait for its partitions before it lets them go. Others may
   * leave or come at the same moment: whoever is slower than them looks again, until the signal aborts.
   */
  async announceLeave(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const decision = await this.decide(true)
      if (decision.type === 'act') return
      if (await this.#parts.storage.writePlan(decision.plan, decision.version)) return
    }
  }

  async #decideOnce(isLeaving: boolean): Promise<GroupDecision | 'stale'> {
    const { storage, groupPath, memberId, topics } = this.#parts
    // In this order, so that the plan is not older than the list of members; neither waits for the other's answer.
    const [members, plan] = await Promise.all([storage.readMembers(), storage.readPlan()])
    if (!members.members.some(member => member.memberId === memberId)) throw this.#notThere()
    const isPlanOutdated = plan.version === this.#outdatedPlan
    // After the plan: what it says of topics must not be newer.
    const seen = await this.#topics.see(this.#topicNames(members), isPlanOutdated ? [] : plannedTopics(plan))
    const paths = { idsPath: `${groupPath}/ids`, planPath: `${groupPath}/plan` }
    const outcome = await this.#decideBy({
      ...{ memberId, ...paths, members, plan, topics: seen.topics, isLeaving, isPlanOutdated, held: null },
    })
    if (outcome === 'stale') return outcome
    const { assignBy } = outcome
    this.#outdatedPlan = assignBy !== 'balanced' || isPlanOutdated ? plan.version : null
    const wanted = outcome.wanted.filter(({ topic }) => topics.includes(topic))
    return { ...outcome, wanted, isProvisional: !seen.isCurrent }
  }

  async #decideBy(seen: SeenGroup): Promise<Exclude<Outcome, 'owners not read'>> {
    const outcome = decide(seen)
    if (outcome !== 'owners not read') return outcome
    return this.#decideBy({ ...seen, held: await this.#readHeld(seen) })
  }

  async #readHeld({ members: { members }, topics }: SeenGroup): Promise<Assignment> {
    const ids = members.map(({ memberId }) => memberId)
    const names = topics.map(({ topic }) => topic)
    const held = new Map(topics.map(({ topic, partitions }) => [topic, new Array<string | null>(partitions)]))
    for (const owners of held.values()) owners.fill(null)
    for (const { topic, partition, owner } of await this.#parts.storage.readOwners(names, ids)) {
      const owners = held.get(topic)
      if (owners !== undefined && partition < owners.length) owners[partition] = owner
    }
    return held
  }

  #topicNames({ members }: MembersView): readonly string[] {
    const names = new Set(this.#parts.topics)
    for (const { data } of members) for (const topic of namedTopics(data)) names.add(topic)
    return [...names]
  }

  #notThere(): GroupError {
    return new GroupError(
      'ZOOKEEPER_DISCONNECTED',
      `the members of group ${this.#parts.groupId} were not seen as they are now; looking again`,
    )
  }
}

/** A plan that cannot be read says nothing of topics; whoever decides reports it. */
function plannedTopics({ bytes }: StoredPlan): readonly SeenTopic[] {
  try {
    const { topics } = decodePlan(bytes, 'the plan')
    return topics.map(({ topic, topicId, owners }) => ({ topic, topicId, partitions: owners.length }))
  } catch {
    return [] // an empty one, too
  }
}

function namedTopics(data: Buffer): readonly string[] {
  const node = parseIdNode(data)
  if (node.kind !== 'ours' && node.kind !== 'classic') return []
  return node.subscription.pattern === 'static' ? [...node.subscription.topics.keys()] : []
}
