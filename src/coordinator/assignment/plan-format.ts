import { GroupError, toError } from '../../shared/errors.ts'
import { listOf, pack, text, unpack, wholeNumber } from '../packed-lists.ts'
import { compareText } from './assignment.ts'
import type { IdsVersion, Plan, PlannedMember, PlannedTopic } from './plan.ts'

/** Raised when the meaning of what is written changes. */
const PLAN_FORMAT = 1

/**
 * Data of the plan node, in MessagePack: `[format, [czxid, cversion], members, topics]`. A member is `[memberId, czxid,
 * isLeaving]`; a topic is `[name, topicId, owners]`, an owner its place in the list of members, from 0, or nil. Both
 * lists are sorted by name, so that equal plans are equal bytes.
 */
export function encodePlan({ ids, members, topics }: Plan): Buffer {
  const sorted = members.toSorted((a, b) => compareText(a.memberId, b.memberId))
  const places = new Map<string | null, number>(sorted.map(({ memberId }, place) => [memberId, place]))
  const placeOf = (owner: string | null): number | null => {
    const place = places.get(owner)
    if (place === undefined && owner !== null)
      throw new GroupError('INTERNAL', `a plan gives partitions to ${owner}, which is no member`)
    return place ?? null
  }
  return pack([
    PLAN_FORMAT,
    [ids.czxid, ids.cversion],
    sorted.map(({ memberId, czxid, isLeaving }) => [memberId, czxid, isLeaving]),
    topics
      .toSorted((a, b) => compareText(a.topic, b.topic))
      .map(({ topic, topicId, owners }) => [topic, topicId, owners.map(placeOf)]),
  ])
}

/**
 * Reads the data of the plan node at `path`. PLAN_CORRUPT if it holds anything else: such a node may be replaced at once,
 * on condition of the version that was read. FORMAT_UNKNOWN if it is a plan of another version of this package, which
 * may be replaced when no member of that version is registered.
 */
export function decodePlan(data: Buffer, path: string): Plan {
  try {
    const [format, ...content] = listOf(unpack(data), 'plan')
    const formatVersion = wholeNumber(format, 'format')
    if (formatVersion !== PLAN_FORMAT) throw formatUnknown(formatVersion, path)
    return readPlan(content)
  } catch (error) {
    if (error instanceof GroupError) throw error
    throw corrupt(error, path)
  }
}

function readPlan(content: readonly unknown[]): Plan {
  const [ids, members, topics] = listOf(content, 'plan', 3)
  const plannedMembers = listOf(members, 'members').map(readMember)
  const plannedTopics = listOf(topics, 'topics').map(topic => readTopic(topic, plannedMembers))
  requireAscending(
    plannedMembers.map(({ memberId }) => memberId),
    'members',
  )
  requireAscending(
    plannedTopics.map(({ topic }) => topic),
    'topics',
  )
  return { ids: readIds(ids), members: plannedMembers, topics: plannedTopics }
}

function readIds(value: unknown): IdsVersion {
  const [czxid, cversion] = listOf(value, 'ids', 2)
  return { czxid: transactionId(czxid, 'czxid of ids'), cversion: wholeNumber(cversion, 'cversion of ids') }
}

function readMember(value: unknown): PlannedMember {
  const [memberId, czxid, isLeaving] = listOf(value, 'member', 3)
  if (typeof isLeaving !== 'boolean') throw new Error('the mark of leaving members is neither true nor false')
  return { memberId: text(memberId, 'memberId'), czxid: transactionId(czxid, 'czxid of a member'), isLeaving }
}

function readTopic(value: unknown, members: readonly PlannedMember[]): PlannedTopic {
  const [topic, topicId, owners] = listOf(value, 'topic', 3)
  return {
    topic: text(topic, 'name of a topic'),
    topicId: topicId === null ? null : text(topicId, 'topicId'),
    owners: listOf(owners, 'owners').map(owner => {
      if (owner === null) return null
      const member = members[wholeNumber(owner, 'owner')]
      if (member === undefined) throw new Error('an owner is not in the list of members')
      return member.memberId
    }),
  }
}

function transactionId(value: unknown, what: string): bigint {
  if (typeof value !== 'bigint' || value < 0n) throw new Error(`${what}: no transaction id`)
  return value
}

/** The places of owners refer to this order, and a name that comes twice would be two owners. */
function requireAscending(names: readonly string[], what: string): void {
  if (names.some((name, index) => index > 0 && names[index - 1]! >= name))
    throw new Error(`${what}: not sorted, or one name twice`)
}

function formatUnknown(formatVersion: number, path: string): GroupError {
  return new GroupError(
    'FORMAT_UNKNOWN',
    `${path} has format ${formatVersion} of this package, this version knows ${PLAN_FORMAT}: run one version in a group`,
    { details: { path, formatVersion } },
  )
}

function corrupt(cause: unknown, path: string): GroupError {
  const reason = toError(cause).message
  return new GroupError('PLAN_CORRUPT', `${path} does not hold a plan of this group: ${reason}`, {
    details: { path, reason },
    cause,
  })
}
