import { GroupError } from '../../shared/errors.ts'
import { compareText, type Reader } from './assignment.ts'
import { parseIdNode, type IdNode } from './id-node.ts'
import { threadsPerTopic } from './subscription.ts'

/** How a group divides its partitions. */
export type AssignmentKind = 'modulo' | 'range' | 'balanced'

/** A node under `ids`, as it was read. */
export interface RegisteredId {
  readonly memberId: string
  /** Empty for a node without data. */
  readonly data: Buffer
}

/** What the members of a group can do together. */
export interface Negotiation {
  readonly assignBy: AssignmentKind
  /** Members whose announcement is understood. `modulo` does not ask for it: there all ids count. */
  readonly readers: readonly Reader[]
  /** Ids whose announcement is not understood. */
  readonly strangers: ReadonlySet<string>
  /** Of these, the members of another version of this package, by name. */
  readonly otherVersions: readonly string[]
  /** To be reported, each naming its nodes. Empty if all is well. */
  readonly troubles: readonly GroupError[]
}

/** An id node with its patterns applied to the topics that there are. */
type Announcement =
  | { readonly kind: 'ours' | 'classic'; readonly threads: ReadonlyMap<string, number> }
  | Exclude<IdNode, { readonly kind: 'ours' | 'classic' }>

/**
 * The best that all members can do: an id node without data is a member of the original, which does `modulo` and nothing
 * else; JSON without our field is a classic consumer: `range`; with members of ours only it is `balanced`.
 *
 * Originals and classic consumers in one group (MIXED_GROUP_UNSUPPORTED) go by `modulo`: the classic ones fail on every
 * id node without data and own nothing until the last original has left, whatever anybody else does. The originals know
 * nothing of that; a member that kept partitions which are theirs by their rule would make them end themselves after
 * 30 s. The partitions that fall to classic consumers meanwhile have no owner. Whoever starts should refuse.
 *
 * A stranger (ID_NODE_UNREADABLE, or FORMAT_UNKNOWN for a member of a version of ours that is to come) stops nobody: one
 * bad node under `ids` would otherwise freeze the group until somebody deletes it, also while members die. The others
 * divide among themselves what it does not hold. What it does hold stays with it, for owner nodes are exclusive and
 * nobody deletes those of others; in a plan it keeps what it had (`keepers` of `assignBalanced`). With `modulo` it
 * counts, because the originals count it. A version of ours that finds older members has to speak their format.
 */
export function negotiate(
  ids: readonly RegisteredId[],
  topics: readonly string[],
  idsPath: string,
): Negotiation {
  const heard = ids
    .toSorted((a, b) => compareText(a.memberId, b.memberId))
    .map(({ memberId, data }) => ({ memberId, says: listenTo(parseIdNode(data), topics) }))
  const idsOf = (kind: Announcement['kind']): string[] =>
    heard.filter(({ says }) => says.kind === kind).map(({ memberId }) => memberId)
  const [originals, classics, otherVersions] = [idsOf('original'), idsOf('classic'), idsOf('unknown-format')]
  const troubles = heard.flatMap(({ memberId, says }) => strangerTrouble(memberId, says, idsPath))
  if (originals.length > 0 && classics.length > 0) troubles.push(mixedGroup(originals, classics, idsPath))
  return {
    assignBy: originals.length > 0 ? 'modulo' : classics.length > 0 ? 'range' : 'balanced',
    readers: heard.flatMap(({ memberId, says }) =>
      'threads' in says ? [{ memberId, threads: says.threads }] : [],
    ),
    strangers: new Set([...idsOf('unreadable'), ...otherVersions]),
    otherVersions,
    troubles,
  }
}

function listenTo(node: IdNode, topics: readonly string[]): Announcement {
  if (node.kind !== 'ours' && node.kind !== 'classic') return node
  const threads = threadsPerTopic(node.subscription, topics)
  if (threads !== null) return { kind: node.kind, threads }
  return { kind: 'unreadable', reason: 'matching its pattern with the names of the topics takes too long' }
}

function strangerTrouble(memberId: string, says: Announcement, idsPath: string): GroupError[] {
  const path = `${idsPath}/${memberId}`
  if (says.kind === 'unreadable')
    return [
      new GroupError(
        'ID_NODE_UNREADABLE',
        `${path} is nothing that a member writes: ${says.reason}; the others go on without it, and what it holds stays with it`,
        { details: { memberId, path, reason: says.reason } },
      ),
    ]
  if (says.kind === 'unknown-format')
    return [
      new GroupError(
        'FORMAT_UNKNOWN',
        `${path} has format ${says.formatVersion} of this package, which this version does not know; the others go on without it, and what it holds stays with it: run one version`,
        { details: { memberId, path, formatVersion: says.formatVersion } },
      ),
    ]
  return []
}

function mixedGroup(originals: readonly string[], classics: readonly string[], idsPath: string): GroupError {
  return new GroupError(
    'MIXED_GROUP_UNSUPPORTED',
    `${idsPath} has members of the Go original (${originals.join(', ')}) and classic consumers (${classics.join(', ')}), which cannot work together; the classic ones own nothing until the others have left: use two groups`,
    { details: { path: idsPath, originals: originals.join(','), classics: classics.join(',') } },
  )
}
