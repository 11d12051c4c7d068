import { GroupError } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import { partitionName, type TopicPartition } from '../../../shared/types.ts'
import type { WantedPartition } from '../../assignment/assignment.ts'
import { claimedBy } from '../../progress/open-claim.ts'
import type { Claim, ClaimAttempt, MemberDescription } from '../group-storage.ts'
import { answeredWith, changedStep, isConnectionError } from './answers.ts'
import { fence, removal, versionsAfterFence, type PartitionNodes } from './claim-fence.ts'
import type { ClaimInspector } from './claim-inspector.ts'
import type { ZooKeeperClient } from './client.ts'
import { hasEnded } from './ended-sessions.ts'
import { encodeOwner } from './formats.ts'
import { OwnedClaim, type ClaimNodes, type StoredPosition } from './owned-claim.ts'
import { ensureNodes, removeOurs } from './own-nodes.ts'
import { withAncestors, type GroupPaths } from './paths.ts'
import type { Session } from './session.ts'
import { storedPosition } from './stored-position.ts'
import { firstOf, Latch } from './wait.ts'
import type { Op, Znode } from './znode.ts'

/** Who holds the partition instead, or null where it is free by now and is to be tried again at once. */
interface Refusal {
  readonly holder: string | null
}

/** The claims of one membership: all made in one session, void with it. */
export class Claims {
  readonly #inspector: ClaimInspector
  readonly #session: Session
  readonly #client: ZooKeeperClient
  readonly #paths: GroupPaths
  readonly #member: MemberDescription
  /** By path of the owner node; ended ones stay until the partition is claimed again. */
  readonly #claims = new Map<string, OwnedClaim>()
  readonly #underWay = new Set<string>()
  /** Owner nodes that an attempt without an answer may have made. */
  readonly #doubtful = new Set<string>()
  readonly #cleanUps = new Map<string, Promise<void>>()
  readonly #logger: Logger

  constructor(
    session: Session,
    client: ZooKeeperClient,
    group: { readonly paths: GroupPaths; readonly member: MemberDescription },
    inspector: ClaimInspector,
    logger: Logger,
  ) {
    this.#session = session
    this.#client = client
    this.#paths = group.paths
    this.#member = group.member
    this.#logger = logger
    this.#inspector = inspector
  }

  /** Makes the owner node: at once if there is none or it is of a claim whose release failed, else the instant it disappears. */
  async claim(of: WantedPartition, attempt: ClaimAttempt): Promise<Claim> {
    const ownerPath = this.#paths.owner(of)
    if (this.#underWay.has(ownerPath))
      throw new GroupError('INTERNAL', `${partitionName(of)} is claimed twice by this member`)
    this.#underWay.add(ownerPath)
    const changed = new Latch()
    const unlisten = this.#client.onNodeEvent(ownerPath, () => changed.fire())
    try {
      await this.#replaceEarlier(ownerPath)
      await this.#cleanUps.get(ownerPath)
      const claim = await this.#claimWhenFree(of, attempt, changed)
      this.#claims.set(ownerPath, claim)
      this.#inspector.watch(claim)
      if (changed.fired) this.#inspector.inspectSoon(claim) // something happened to the node before anybody watched
      return claim
    } finally {
      unlisten()
      this.#underWay.delete(ownerPath)
      if (this.#doubtful.has(ownerPath)) void this.#cleanUp(ownerPath)
    }
  }

  /** After a reconnect: every claim is compared with its node, and what aborted attempts left behind is deleted. */
  async verify(): Promise<void> {
    const left = [...this.#doubtful].filter(path => !this.#underWay.has(path))
    await Promise.all([
      ...this.#alive().map(claim => this.#inspector.inspect(claim)),
      ...left.map(path => this.#cleanUp(path)),
    ])
  }

  /** Deletes the owner nodes of all claims that were not released. */
  async dropAll(): Promise<void> {
    await Promise.all(
      this.#alive().map(claim =>
        claim.inTurn(async () => {
          if (claim.state.is('held')) claim.state.moveTo('releasing', 'leave')
          await removeOurs(this.#client, claim.nodes.ownerPath)
          if (claim.isAlive) claim.finish('released', 'leave')
        }),
      ),
    )
  }

  /** The session is over. */
  voidAll(reason: string): void {
    for (const claim of this.#alive()) claim.finish('void', reason)
  }

  #alive(): OwnedClaim[] {
    return [...this.#claims.values()].filter(claim => claim.isAlive)
  }

  /** A release that failed left the claim alive. Its node becomes that of the new claim, or goes with it. */
  async #replaceEarlier(ownerPath: string): Promise<void> {
    const earlier = this.#claims.get(ownerPath)
    if (earlier?.isAlive !== true) return
    await earlier.inTurn(async () => {
      if (!earlier.isAlive) return // released, lost or void while it was waited for
      earlier.finish('replaced', 'claimed again')
      this.#doubtful.add(ownerPath)
    })
  }

  async #claimWhenFree(of: WantedPartition, attempt: ClaimAttempt, changed: Latch): Promise<OwnedClaim> {
    const path = this.#paths.owner(of)
    for (let wasTold = false; ;) {
      await this.#session.whenUsable(this.#client, 'claim', path, attempt.signal)
      changed.reset()
      const outcome = await this.#tryToClaim(of)
      if (outcome instanceof OwnedClaim) return await this.#keepUnlessAborted(outcome, attempt.signal)
      if (outcome.holder === null) continue
      if (!wasTold) attempt.onRefused(outcome.holder)
      wasTold = true
      await firstOf([changed.subscribe, this.#session.changed.subscribe], attempt.signal)
    }
  }

  async #tryToClaim(of: WantedPartition): Promise<OwnedClaim | Refusal> {
    const nodes = this.#nodesOf(of)
    try {
      // In one round trip: calls of one session are carried out in order, so all reads see what the write did, and
      // the last one also sets the watch, on our own node or on the holder's.
      const [, offset, progress, owner] = await Promise.all([
        this.#client.create(nodes.ownerPath, nodes.ownerData, 'ephemeral'),
        this.#client.getData(nodes.offsetPath),
        this.#client.getData(nodes.progressPath),
        this.#client.getData(nodes.ownerPath, true),
      ])
      this.#doubtful.delete(nodes.ownerPath)
      return owner === null ? { holder: null } : await this.#judge(of, nodes, { owner, offset, progress })
    } catch (error) {
      this.#doubtful.add(nodes.ownerPath) // it may have been made although something after it went wrong
      if (answeredWith(error, 'NO_NODE')) await this.#makeParents(of)
      else if (!isConnectionError(error)) throw error
      return { holder: null }
    }
  }

  /** Whose node it is tells who has the claim, also where the answer to an earlier attempt was lost. */
  async #judge(of: TopicPartition, nodes: ClaimNodes, read: PartitionNodes): Promise<OwnedClaim | Refusal> {
    const { owner, offset, progress } = read
    const { ephemeralOwner, czxid } = owner.stat
    if (czxid === this.#claims.get(nodes.ownerPath)?.epoch) {
      const { ownerPath: path, ownerData: data } = nodes
      // In one step: an epoch names one claim only, and whoever waits for the partition may not get in between.
      await this.#change(of, [...removal(nodes, read), { type: 'create', path, data, ephemeral: true }])
      return { holder: null }
    }
    if (ephemeralOwner === this.#client.sessionId) {
      const stored = await this.#positionOrGiveBack(nodes, offset, progress)
      const claimed = stored.progress && claimedBy(stored.progress)
      if (!(await this.#change(of, fence(nodes, read, claimed)))) return { holder: null }
      return new OwnedClaim(of, this.#client, nodes, {
        ...stored,
        progress: claimed,
        ...versionsAfterFence(read),
        epoch: czxid,
      })
    }
    if (!hasEnded(ephemeralOwner)) return { holder: owner.data.toString('utf8') }
    await this.#change(of, removal(nodes, read)) // left by an earlier session of this process
    return { holder: null }
  }

  /** False if something has changed since it was read: then it is to be read again. */
  async #change(of: TopicPartition, ops: readonly Op[]): Promise<boolean> {
    const result = await this.#client.multi(ops)
    if (result.committed) return true
    const { type } = changedStep(ops, result)
    if (type === 'create' && result.answer === 'NO_NODE') await this.#makeParents(of)
    return false
  }

  async #positionOrGiveBack(
    nodes: ClaimNodes,
    offset: Znode | null,
    progress: Znode | null,
  ): Promise<StoredPosition> {
    try {
      return storedPosition(nodes, offset, progress)
    } catch (error) {
      await removeOurs(this.#client, nodes.ownerPath)
      throw error
    }
  }

  async #keepUnlessAborted(claim: OwnedClaim, signal: AbortSignal): Promise<OwnedClaim> {
    if (!signal.aborted) return claim
    this.#doubtful.add(claim.nodes.ownerPath)
    await this.#cleanUp(claim.nodes.ownerPath)
    throw signal.reason
  }

  /** Deletes the owner node of a claim that was given up. A new claim of the partition waits for it. */
  #cleanUp(ownerPath: string): Promise<void> {
    const known = this.#cleanUps.get(ownerPath)
    if (known !== undefined) return known
    const cleanUp = this.#removeDoubtful(ownerPath).finally(() => this.#cleanUps.delete(ownerPath))
    this.#cleanUps.set(ownerPath, cleanUp)
    return cleanUp
  }

  async #removeDoubtful(ownerPath: string): Promise<void> {
    try {
      await removeOurs(this.#client, ownerPath)
      this.#doubtful.delete(ownerPath)
    } catch (error) {
      // Without a connection the node stays doubtful until the reconnect, and goes with the session at the latest.
      if (!isConnectionError(error))
        this.#logger.error(
          { err: error, path: ownerPath },
          'owner node of a claim that was given up could not be deleted',
        )
    }
  }

  async #makeParents(of: TopicPartition): Promise<void> {
    const parents = [this.#paths.topicOwners(of.topic), this.#paths.topicProgress(of.topic)]
    await ensureNodes(this.#client, [...new Set(parents.flatMap(withAncestors))])
  }

  #nodesOf(of: WantedPartition): ClaimNodes {
    return {
      ownerPath: this.#paths.owner(of),
      ownerData: encodeOwner(this.#member, of),
      offsetPath: this.#paths.offset(of),
      progressPath: this.#paths.progress(of),
    }
  }
}
