import { distance } from 'fastest-levenshtein'
import { CALL_NAMES, KNOWN_NAMES } from './schema.ts'

/**
 * The share of its letters that may differ for a name to be suggested; beyond it the suggestion would mislead. A name
 * of another object must fit better than one beside the unknown one.
 */
const MAX_CHANGED_BESIDE = 0.4
const MAX_CHANGED_ELSEWHERE = 0.2

interface Candidate {
  readonly path: string
  readonly changes: number
  readonly allowed: number
}

/** What was probably meant by an unknown name. */
export function unknownNameHint(parent: string, name: string): string {
  const near = candidates(parent, name).filter(candidate => candidate.changes <= candidate.allowed)
  const closest = near.sort((a, b) => a.changes - b.changes)[0]
  return closest === undefined ? `known are ${namesAt(parent).join(', ')}` : `did you mean ${closest.path}?`
}

/** Names beside it first: the sort is stable, so that they win over equally close ones elsewhere. */
function candidates(parent: string, name: string): Candidate[] {
  const parents = [parent, ...Object.keys(KNOWN_NAMES).filter(other => other !== parent)]
  return parents.flatMap(other =>
    namesAt(other).map(known => ({
      path: other === '' ? known : `${other}.${known}`,
      changes: distance(plain(name), plain(known)),
      allowed: name.length * (other === parent ? MAX_CHANGED_BESIDE : MAX_CHANGED_ELSEWHERE),
    })),
  )
}

function namesAt(parent: string): readonly string[] {
  return KNOWN_NAMES[parent] ?? CALL_NAMES[parent] ?? []
}

/** `group.id`, `group_id` and `groupId` are the same mistake. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}
