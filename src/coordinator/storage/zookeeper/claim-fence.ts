import { encodeProgress } from '../../progress/progress-format.ts'
import { progressAt, type Progress } from '../../progress/progress.ts'
import { NO_NODE_YET, type ClaimNodes } from './owned-claim.ts'
import { setOrCreate, type Op, type Znode } from './znode.ts'

/** The nodes of a partition as they were read; null where there is none. The owner was read last. */
export interface PartitionNodes {
  readonly offset: Znode | null
  readonly progress: Znode | null
  readonly owner: Znode
}

/**
 * What ends an earlier claim whose owner node was deleted by hand: such a member may still send a commit or a release,
 * and would find our owner node in the version of its own. This raises the version of the progress, which all of them
 * check; and where one got in before, it fails, and what is stored is read again. Progress that counts becomes `claimed`;
 * null: the data stays as it is. Progress that belongs to the offset is written together with it, else it would not any
 * more; any other may not, or it would.
 */
export function fence(
  nodes: ClaimNodes,
  { owner, offset, progress }: PartitionNodes,
  claimed: Progress | null,
): Op[] {
  const ops: Op[] = [{ type: 'check', path: nodes.ownerPath, version: owner.stat.version }]
  if (offset !== null) {
    const { version } = offset.stat
    const path = nodes.offsetPath
    ops.push(
      isOfOffset(offset, progress)
        ? { type: 'set', path, data: offset.data, version }
        : { type: 'check', path, version },
    )
  }
  return [...ops, progressStep(nodes, progress, claimed)]
}

/**
 * Deletes the owner node of a claim that is over for us. Whoever has claimed since it was read has an owner node of the
 * same version, but has raised that of the progress, or does so afterwards and then finds its own claim gone.
 */
export function removal(nodes: ClaimNodes, { owner, progress }: PartitionNodes): Op[] {
  const { ownerPath, progressPath } = nodes
  return [
    progress === null
      ? progressStep(nodes, null, null)
      : { type: 'check', path: progressPath, version: progress.stat.version },
    { type: 'remove', path: ownerPath, version: owner.stat.version },
  ]
}

/** The versions that `fence` left behind. */
export function versionsAfterFence({ owner, offset, progress }: PartitionNodes): {
  readonly ownerVersion: number
  readonly offsetVersion: number
  readonly progressVersion: number
} {
  return {
    ownerVersion: owner.stat.version,
    offsetVersion: (offset?.stat.version ?? NO_NODE_YET) + (isOfOffset(offset, progress) ? 1 : 0),
    progressVersion: (progress?.stat.version ?? NO_NODE_YET) + 1,
  }
}

/** True if both were written in one transaction. */
export function isOfOffset(offset: Znode | null, progress: Znode | null): boolean {
  return offset !== null && offset.stat.mzxid === progress?.stat.mzxid
}

function progressStep({ progressPath }: ClaimNodes, progress: Znode | null, claimed: Progress | null): Op {
  const isLeft = claimed === null && progress !== null
  const data = isLeft ? progress.data : encodeProgress(claimed ?? progressAt(0, null)) // of no offset: counts for nothing
  return setOrCreate(progressPath, data, progress?.stat.version ?? null)
}
