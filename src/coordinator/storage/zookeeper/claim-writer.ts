import { GroupError } from '../../../shared/errors.ts'
import { partitionName, type Offset } from '../../../shared/types.ts'
import { changedStep, isConnectionError, refused } from './answers.ts'
import { encodeProgress } from '../../progress/progress-format.ts'
import type { Progress } from '../../progress/progress.ts'
import type { ClaimInspector } from './claim-inspector.ts'
import { encodeOffset } from './formats.ts'
import { NO_NODE_YET, type OwnedClaim } from './owned-claim.ts'
import { ensureNodes } from './own-nodes.ts'
import { withAncestors } from './paths.ts'
import type { Session } from './session.ts'
import { setOrCreate, type MultiResult, type Op, type Znode } from './znode.ts'

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
        claim.wrote(position !== null, position?.progress !== undefined)
        if (andRelease) claim.finish('released', 'release')
        return
      }
      await this.#resolveFailure(claim, ops, result, position)
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

  /** Makes the next attempt one that can succeed, or throws. */
  async #resolveFailure(
    claim: OwnedClaim,
    ops: readonly Op[],
    failure: Extract<MultiResult, { committed: false }>,
    position: Position | null,
  ): Promise<void> {
    if (ops[failure.failedAt]!.path === claim.nodes.ownerPath) {
      await this.#inspector.inspect(claim)
      return
    }
    const { type } = changedStep(ops, failure)
    if (type === 'create' && failure.answer === 'NO_NODE') await this.#makeParents(claim)
    else await this.#learnVersions(claim, position)
  }

  async #makeParents({ client, nodes }: OwnedClaim): Promise<void> {
    const paths = [nodes.offsetPath, nodes.progressPath].flatMap(path => withAncestors(path).slice(0, -1))
    await ensureNodes(client, [...new Set(paths)])
  }

  /**
   * The nodes are not in the versions we left them in: an unanswered write of ours, somebody's hand, or the fence of an
   * heir. The owner is looked at last: as long as it is ours then, no heir has fenced before the versions were read.
   */
  async #learnVersions(claim: OwnedClaim, position: Position | null): Promise<void> {
    const { offsetPath, progressPath } = claim.nodes
    const [offset, progress] = await Promise.all([
      claim.client.getData(offsetPath),
      claim.client.getData(progressPath),
    ])
    await this.#inspector.inspect(claim)
    if (!claim.isAlive) return // lost, or released by what was not answered
    if (progress === null) this.#inspector.reportForeignWrite(claim, progressPath, 'was deleted')
    const change = foreignChange(claim, offset, position)
    if (change !== null) this.#inspector.reportForeignWrite(claim, offsetPath, change)
    claim.learn(offset, progress)
  }

  #keepAfterFailedRelease(claim: OwnedClaim, offset: Offset | null, error: unknown): void {
    if (!claim.state.is('releasing')) return // lost or void meanwhile
    if (isConnectionError(error)) claim.doubtfulRelease = offset
    claim.state.moveTo('held', 'release failed')
    // Events of the owner node were ignored while it was being released.
    if (claim.client.connected) this.#inspector.inspectSoon(claim)
  }
}

/** What somebody else did to the offset node; null if all of it can be our own doing. */
function foreignChange(claim: OwnedClaim, offset: Znode | null, position: Position | null): string | null {
  const known = claim.offsetVersion
  if (offset === null) return known === NO_NODE_YET ? null : 'was deleted'
  const isOurs = offset.stat.version >= known && offset.stat.version <= known + claim.unansweredWrites
  if (isOurs) return null
  if (known !== NO_NODE_YET) return 'was written'
  // The group pins where its members start, and two of them come to the same.
  return position !== null && offset.data.equals(encodeOffset(position.offset)) ? null : 'was made'
}

/**
 * Check the owner, set offset and progress, give the owner up: as far as asked for. The owner node alone does not tell
 * claims apart: every new one has version 0, also that of an heir after ours was deleted by hand. So each claim raises
 * the version of the progress (claim-fence.ts), and what an earlier one still sends is of a version that has passed.
 */
function transactionOf(claim: OwnedClaim, position: Position | null, andRelease: boolean): Op[] {
  const { ownerPath, offsetPath, progressPath } = claim.nodes
  const ops: Op[] = [{ type: 'check', path: ownerPath, version: claim.ownerVersion }]
  if (position !== null)
    ops.push(setOrCreate(offsetPath, encodeOffset(position.offset), versionOf(claim.offsetVersion)))
  if (position?.progress !== undefined)
    ops.push(setOrCreate(progressPath, encodeProgress(position.progress), versionOf(claim.progressVersion)))
  else if (claim.progressVersion !== NO_NODE_YET)
    ops.push({ type: 'check', path: progressPath, version: claim.progressVersion })
  if (andRelease) ops.push({ type: 'remove', path: ownerPath, version: claim.ownerVersion })
  return ops
}

function versionOf(known: number): number | null {
  return known === NO_NODE_YET ? null : known
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
