import { GroupError, isGroupError } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import { partitionName, type Offset } from '../../../shared/types.ts'
import type { GroupStorageListener } from '../group-storage.ts'
import { answeredWith, isConnectionError } from './answers.ts'
import { decodeOffset, preview } from './formats.ts'
import type { OwnedClaim } from './owned-claim.ts'
import { sessionName, type Znode } from './znode.ts'

export type ClaimListener = Pick<GroupStorageListener, 'claimLost' | 'foreignWrite'>

/** Compares a claim with its owner node, and draws the conclusion: it stands, is repaired, or is lost. */
export class ClaimInspector {
  readonly #listener: ClaimListener
  readonly #logger: Logger

  constructor(listener: ClaimListener, logger: Logger) {
    this.#listener = listener
    this.#logger = logger
  }

  /** Looks at the owner node whenever something happens to it, from now until the claim ends. */
  watch(claim: OwnedClaim): void {
    claim.stopWatching = claim.client.onNodeEvent(claim.nodes.ownerPath, () => {
      // The event of our own release comes before the answer to it.
      if (claim.state.is('held')) this.inspectSoon(claim)
    })
  }

  inspectSoon(claim: OwnedClaim): void {
    this.inspect(claim).catch((error: unknown) => {
      if (isConnectionError(error)) return // every claim is inspected again after the reconnect
      this.#logger.error(
        { err: error, path: claim.nodes.ownerPath },
        'owner node of a claim could not be read',
      )
    })
  }

  async inspect(claim: OwnedClaim): Promise<void> {
    const node = await claim.client.getData(claim.nodes.ownerPath, true)
    if (!claim.isAlive) return // released, lost or void while the node was being read
    if (node !== null && isNodeOf(claim, node)) await this.#keepData(claim, node)
    else await this.#end(claim, node)
  }

  /** Somebody wrote to an offset node of ours. */
  reportForeignWrite(claim: OwnedClaim, path: string, what: string): void {
    const message = `${path} of claimed partition ${partitionName(claim)} ${what} by somebody else; our value stands`
    this.#listener.foreignWrite(claim, new GroupError('FOREIGN_WRITE', message, { details: { path } }))
  }

  async #keepData(claim: OwnedClaim, node: Znode): Promise<void> {
    if (node.stat.version === claim.ownerVersion) return
    if (node.data.equals(claim.nodes.ownerData)) {
      claim.ownerVersion = node.stat.version
      return
    }
    this.reportForeignWrite(claim, claim.nodes.ownerPath, `was set to ${preview(node.data.toString('utf8'))}`)
    try {
      claim.ownerVersion = await claim.client.setData(
        claim.nodes.ownerPath,
        claim.nodes.ownerData,
        node.stat.version,
      )
    } catch (error) {
      if (!answeredWith(error, 'BAD_VERSION', 'NO_NODE')) throw error
      await this.inspect(claim) // it changed once more in between
    }
  }

  /**
   * The node is not ours any more. A release is one transaction: if its offset is stored, or one beyond it by whoever has
   * claimed since, it took effect.
   */
  async #wasReleased(claim: OwnedClaim): Promise<boolean> {
    const offset = claim.doubtfulRelease
    if (offset === undefined) return false
    if (offset === null) return true
    const stored = await claim.client.getData(claim.nodes.offsetPath)
    return stored !== null && isAtOrBeyond(offset, stored, claim.nodes.offsetPath)
  }

  async #end(claim: OwnedClaim, node: Znode | null): Promise<void> {
    const wasReleased = await this.#wasReleased(claim)
    if (!claim.isAlive) return // ended otherwise while the offset was being read
    if (wasReleased) claim.finish('released', 'the release whose answer was lost took effect')
    else this.#lose(claim, node)
  }

  #lose(claim: OwnedClaim, node: Znode | null): void {
    const { ownerPath } = claim.nodes
    const how =
      node === null
        ? 'was deleted'
        : `belongs to ${preview(node.data.toString('utf8'))}, session ${sessionName(node.stat.ephemeralOwner)}`
    claim.finish('lost', how)
    const message = `claim of ${partitionName(claim)} is lost: its owner node ${ownerPath} ${how}`
    this.#listener.claimLost(claim, new GroupError('CLAIM_LOST', message, { details: { path: ownerPath } }))
  }
}

function isAtOrBeyond(offset: Offset, { data }: Znode, path: string): boolean {
  try {
    return (decodeOffset(data, path) ?? -1) >= offset
  } catch (error) {
    if (isGroupError(error, 'OFFSET_CORRUPT')) return false // whoever claims the partition is told
    throw error
  }
}

function isNodeOf(claim: OwnedClaim, { stat }: Znode): boolean {
  return stat.ephemeralOwner === claim.client.sessionId && stat.czxid === claim.epoch
}
