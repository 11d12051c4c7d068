import { compareBytes, type Assignment, type TopicSize } from './assignment.ts'

/**
 * What members of the Go original compute (`assignPartitions` in its consumer_group.go): partition i of a topic goes to
 * all ids, sorted by bytes, [i mod their number]. They never read what a member announces, so every name under `ids`
 * counts, also members that do not read the topic: partitions that fall to those stay without an owner.
 */
export function assignByModulo(memberIds: readonly string[], topics: readonly TopicSize[]): Assignment {
  const sorted = memberIds.toSorted(compareBytes)
  return new Map(
    topics.map(({ topic, partitions }) => [
      topic,
      Array.from({ length: partitions }, (_, partition) => sorted[partition % sorted.length] ?? null),
    ]),
  )
}
