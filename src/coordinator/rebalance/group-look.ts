import { GroupError } from '../../shared/errors.ts'
import type { Assignment } from '../assignment/assignment.ts'
import { parseIdNode } from '../assignment/id-node.ts'
import type { SeenTopic } from '../assignment/next-plan.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import type { GroupStorage, MembersView } from '../storage/group-storage.ts'
import { decide, type Decision, type Outcome, type SeenGroup } from './decide.ts'

export interface GroupLookParts {
  readonly groupId: string
  /** Where the nodes of the group are, for messages. @defaultValue `/consumers/<groupId>` */
  readonly groupPath?: string
  readonly memberId: string
  readonly topics: readonly string[]
  readonly storage: Pick<GroupStorage, 'readMembers' | 'readPlan' | 'writePlan' | 'readOwners'>
  readonly cluster: Pick<KafkaCluster, 'describeTopics'>
}

/** The plan may be newer than the members that were seen, by one change at a time. */
const LOOKS = 5
/** A topic that is not there now is seen by a later look. */
const NO_PATIENCE_MS = 0

/** Reads what a member needs to know to decide, and decides. */
export class GroupLook {
  readonly #parts: GroupLookParts
  /** Version of the plan that was there while the group divided by a rule of other programs. */
  #outdatedPlan: number | null = null

  constructor(parts: GroupLookParts) {
    this.#parts = parts
  }

  /** Rejects with ZOOKEEPER_DISCONNECTED, SESSION_EXPIRED, BROKER_DISCONNECTED … */
  async decide(isLeaving = false): Promise<Decision> {
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

  async #decideOnce(isLeaving: boolean): Promise<Decision | 'stale'> {
    const { storage, groupId, memberId, topics } = this.#parts
    const { groupPath = `/consumers/${groupId}` } = this.#parts
    // In this order, so that the plan is not older than the list of members; neither waits for the other's answer.
    const [members, plan] = await Promise.all([storage.readMembers(), storage.readPlan()])
    if (!members.members.some(member => member.memberId === memberId)) throw this.#notThere()
    const seen = await this.#seenTopics(members) // after the plan: what it says of topics must not be newer
    const paths = { idsPath: `${groupPath}/ids`, planPath: `${groupPath}/plan` }
    const isPlanOutdated = plan.version === this.#outdatedPlan
    const outcome = await this.#decideBy({
      ...{ memberId, ...paths, members, plan, topics: seen, isLeaving, isPlanOutdated, held: null },
    })
    if (outcome === 'stale') return outcome
    const { assignBy, ...decision } = outcome
    this.#outdatedPlan = assignBy !== 'balanced' || isPlanOutdated ? plan.version : null
    return { ...decision, wanted: decision.wanted.filter(({ topic }) => topics.includes(topic)) }
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

  async #seenTopics({ members }: MembersView): Promise<SeenTopic[]> {
    const names = new Set(this.#parts.topics)
    for (const { data } of members) for (const topic of namedTopics(data)) names.add(topic)
    const described = await this.#parts.cluster.describeTopics([...names], NO_PATIENCE_MS)
    return described
      .filter(({ exists }) => exists)
      .map(({ topic, topicId, partitions }) => ({ topic, topicId, partitions: partitions.length }))
  }

  #notThere(): GroupError {
    return new GroupError(
      'ZOOKEEPER_DISCONNECTED',
      `the members of group ${this.#parts.groupId} were not seen as they are now; looking again`,
    )
  }
}

function namedTopics(data: Buffer): readonly string[] {
  const node = parseIdNode(data)
  if (node.kind !== 'ours' && node.kind !== 'classic') return []
  return node.subscription.pattern === 'static' ? [...node.subscription.topics.keys()] : []
}
