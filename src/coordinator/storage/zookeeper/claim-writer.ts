import { GroupError } from '../../../shared/errors.ts'
import { partitionName, type Offset } from '../../../shared/types.ts'
import { isConnectionError, refused } from './answers.ts'
import { encodeProgress } from '../../progress/progress-format.ts'
import type { Progress } from '../../progress/progress.ts'
import type { ClaimInspector } from './claim-inspector.ts'
import { encodeOffset } from './formats.ts'
import { NO_NODE_YET, type OwnedClaim } from './owned-claim.ts'
import { ensureNodes } from './own-nodes.ts'
import { withAncestors } from './paths.ts'
import type { Session } from './session.ts'
import { ANY_VERSION, type MultiResult, type Op } from './znode.ts'

/** A foreign writer may get in between a few times; more often, somebody fights us and is to be told of. */
const ATTEMPTS = 6

/** What a transaction is to store; null for nothing. */
interface Position {
  readonly offset: Offset
  readonly progress: Progress | undefined
}

/** Writes the offset and the progress of a claim, fenced by its owner node: one small transaction per partition. */
export class ClaimWriter {
  readonly #session: Session
  readonly #inspector: ClaimInspector

  constructor(session: Session, inspector: ClaimInspector) {
    this.#session = session
    this.#inspector = inspector
  }

  commit(claim: OwnedClaim, offset: Offset, progress?: Progress): Promise<void> {
    return claim.inTurn(() => this.#write(claim, { offset, progress }, false))
  }

  release(claim: OwnedClaim, nextOffset: Offset | null, progress?: Progress): Promise<void> {
    const position = nextOffset === null ? null : { offset: nextOffset, progress }
    return claim.inTurn(async () => {
      if (claim.state.is('released') && claim.doubtfulRelease !== undefined) return // it took effect the first time
      this.#assertMayWrite(claim)
      claim.state.moveTo('releasing', 'release')
      try {
        await this.#write(claim, position, true)
      } catch (error) {
        this.#keepAfterFailedRelease(claim, nextOffset, error)
        throw error
      }
    })
  }

  async #write(claim: OwnedClaim, position: Position | null, andRelease: boolean): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      // Asked anew each time: after every answer the claim may be lost, the session or the lease over.
      this.#assertMayWrite(claim)
      const ops = transactionOf(claim, position, andRelease)
      const result = await this.#send(claim, ops, position !== null)
      if (result.committed) {
        const version = position === null ? null : (result.versions[OFFSET_STEP] ?? FIRST_VERSION)
        if (position?.progress !== undefined) claim.hasProgressNode = true
        if (this.#accept(claim, version, andRelease)) return
      } else await this.#resolveFailure(claim, ops[result.failedAt]!, result.answer)
      if (claim.state.is('released')) return
    }
    throw refused({ operation: 'commit', path: claim.nodes.offsetPath }, 'changes by others, again and again')
  }

  #assertMayWrite(claim: OwnedClaim): void {
    if (claim.state.is('lost', 'released', 'replaced')) throw claimIsGone(claim)
    this.#session.assertUsable(claim.client, 'commit', claim.nodes.offsetPath)
    if (!this.#session.leaseHolds) throw leaseIsOver(claim)
  }

  async #send(claim: OwnedClaim, ops: readonly Op[], setsOffset: boolean): Promise<MultiResult> {
    try {
      return await claim.client.multi(ops)
    } catch (error) {
      if (setsOffset && isConnectionError(error)) claim.unansweredWrites += 1
      throw error
    }
  }

  /** True if all is as it should be; false if the offset must be written once more, over somebody else's. */
  #accept(claim: OwnedClaim, version: number | null, andRelease: boolean): boolean {
    const isExpected = version === null || this.#isOurNext(claim, version)
    if (version !== null) claim.offsetVersion = version
    claim.unansweredWrites = 0
    if (!isExpected) this.#inspector.reportForeignWrite(claim, claim.nodes.offsetPath, 'was written')
    if (andRelease) claim.finish('released', 'release')
    return isExpected || andRelease // after a release nothing may be written; it has just set our value
  }

  #isOurNext(claim: OwnedClaim, version: number): boolean {
    const next = claim.offsetVersion + 1
    return version >= next && version <= next + claim.unansweredWrites
  }

  /** Makes the next attempt one that can succeed, or throws. */
  async #resolveFailure(claim: OwnedClaim, failed: Op, answer: string): Promise<void> {
    const { ownerPath, progressPath } = claim.nodes
    const why = `${failed.type} ${answer}`
    if (failed.path === ownerPath) await this.#inspector.inspect(claim)
    else if (why === 'create NO_NODE') await this.#makeParents(claim)
    else if (failed.path === progressPath && ['create NODE_EXISTS', 'set NO_NODE'].includes(why))
      this.#correctProgress(claim, failed.type === 'create')
    else if (why === 'create NODE_EXISTS') await this.#findOffsetNode(claim)
    else if (why === 'set NO_NODE') this.#missOffsetNode(claim)
    else throw refused({ operation: failed.type, path: failed.path }, answer)
  }

  async #makeParents({ client, nodes }: OwnedClaim): Promise<void> {
    const paths = [nodes.offsetPath, nodes.progressPath].flatMap(path => withAncestors(path).slice(0, -1))
    await ensureNodes(client, [...new Set(paths)])
  }

  /** It is there: then a write of ours that was not answered made it; or it is not: then somebody deleted it. */
  #correctProgress(claim: OwnedClaim, isThere: boolean): void {
    claim.hasProgressNode = isThere
    if (!isThere) this.#inspector.reportForeignWrite(claim, claim.nodes.progressPath, 'was deleted')
  }

  /** The node is there although we know of none: made by a write of ours that was not answered, or by somebody else. */
  async #findOffsetNode(claim: OwnedClaim): Promise<void> {
    const node = await claim.client.getData(claim.nodes.offsetPath)
    if (node === null) return
    const isOwn = node.stat.version < claim.unansweredWrites
    claim.offsetVersion = node.stat.version
    claim.unansweredWrites = 0
    if (!isOwn) this.#inspector.reportForeignWrite(claim, claim.nodes.offsetPath, 'was made')
  }

  #missOffsetNode(claim: OwnedClaim): void {
    claim.offsetVersion = NO_NODE_YET
    claim.unansweredWrites = 0
    this.#inspector.reportForeignWrite(claim, claim.nodes.offsetPath, 'was deleted')
  }

  #keepAfterFailedRelease(claim: OwnedClaim, offset: Offset | null, error: unknown): void {
    if (!claim.state.is('releasing')) return // lost or void meanwhile
    if (isConnectionError(error)) claim.doubtfulRelease = offset
    claim.state.moveTo('held', 'release failed')
    // Events of the owner node were ignored while it was being released.
    if (claim.client.connected) this.#inspector.inspectSoon(claim)
  }
}

const OFFSET_STEP = 1
/** Of a node that was just made: a step that makes one answers no version. */
const FIRST_VERSION = NO_NODE_YET + 1

/** Check the owner, set offset and progress, give the owner up: as far as asked for. */
function transactionOf(claim: OwnedClaim, position: Position | null, andRelease: boolean): Op[] {
  const { ownerPath } = claim.nodes
  const ops: Op[] = [{ type: 'check', path: ownerPath, version: claim.ownerVersion }]
  if (position !== null) ops.push(offsetStep(claim, encodeOffset(position.offset)))
  if (position?.progress !== undefined) ops.push(progressStep(claim, encodeProgress(position.progress)))
  if (andRelease) ops.push({ type: 'remove', path: ownerPath, version: claim.ownerVersion })
  return ops
}

/** Unconditional where the node exists: somebody else's write is found by the version that comes back, and overwritten. */
function offsetStep(claim: OwnedClaim, data: Buffer): Op {
  const path = claim.nodes.offsetPath
  return claim.offsetVersion === NO_NODE_YET
    ? { type: 'create', path, data, ephemeral: false }
    : { type: 'set', path, data, version: ANY_VERSION }
}

/** It counts only together with the offset, so whatever somebody else wrote there means nothing. */
function progressStep(claim: OwnedClaim, data: Buffer): Op {
  const path = claim.nodes.progressPath
  return claim.hasProgressNode
    ? { type: 'set', path, data, version: ANY_VERSION }
    : { type: 'create', path, data, ephemeral: false }
}

function claimIsGone(claim: OwnedClaim): GroupError {
  const { ownerPath } = claim.nodes
  return new GroupError(
    'CLAIM_LOST',
    `${partitionName(claim)} is not claimed any more (${claim.state.state}); its offset was not written`,
    { details: { topic: claim.topic, partition: claim.partition, path: ownerPath } },
  )
}

function leaseIsOver(claim: OwnedClaim): GroupError {
  return new GroupError(
    'LEASE_OVER',
    `the claim of ${partitionName(claim)} is not certainly valid at the moment, nothing was written; try again once the lease is renewed`,
    { details: { topic: claim.topic, partition: claim.partition } },
  )
}
