import type { TopicPartition } from '../../../shared/types.ts'

/** Where the brokers of the cluster register themselves. */
export function brokerIdsPath(chroot: string): string {
  return `${chroot}/brokers/ids`
}

/** Where the cluster keeps its topics, if it keeps them in ZooKeeper. */
export function brokerTopicsPath(chroot: string): string {
  return `${chroot}/brokers/topics`
}

/** A path and everything above it except the root, topmost first: the order in which to create them. */
export function withAncestors(path: string): string[] {
  const names = path.split('/').slice(1)
  return names.map((_name, index) => `/${names.slice(0, index + 1).join('/')}`)
}

/**
 * Where the nodes of one group are, in the classic layout of the Kafka 0.8 consumers. Paths are absolute, the
 * chroot included: the client library's own chroot cannot create a missing one.
 */
export class GroupPaths {
  readonly group: string
  readonly ids: string
  readonly owners: string
  readonly offsets: string
  readonly allProgress: string

  constructor(chroot: string, groupId: string) {
    this.group = `${chroot}/consumers/${groupId}`
    this.ids = `${this.group}/ids`
    this.owners = `${this.group}/owners`
    this.offsets = `${this.group}/offsets`
    this.allProgress = `${this.group}/progress`
  }

  get plan(): string {
    return `${this.group}/plan`
  }

  id(memberId: string): string {
    return `${this.ids}/${memberId}`
  }

  topicOwners(topic: string): string {
    return `${this.owners}/${topic}`
  }

  owner(of: TopicPartition): string {
    return `${this.topicOwners(of.topic)}/${of.partition}`
  }

  topicOffsets(topic: string): string {
    return `${this.offsets}/${topic}`
  }

  offset(of: TopicPartition): string {
    return `${this.topicOffsets(of.topic)}/${of.partition}`
  }

  topicProgress(topic: string): string {
    return `${this.allProgress}/${topic}`
  }

  progress(of: TopicPartition): string {
    return `${this.topicProgress(of.topic)}/${of.partition}`
  }

  /** Every persistent node that a member of these topics needs, each after the one above it. */
  parents(topics: readonly string[]): string[] {
    const ofTopic = (topic: string): string[] => [
      this.topicOwners(topic),
      this.topicOffsets(topic),
      this.topicProgress(topic),
    ]
    const leaves = [this.ids, ...topics.flatMap(ofTopic)]
    return [...new Set(leaves.flatMap(withAncestors))]
  }
}

/** The number that a partition's node is named with; null for anything else: tools have left other nodes there. */
export function partitionOf(nodeName: string): number | null {
  return /^(0|[1-9]\d{0,9})$/.test(nodeName) ? Number(nodeName) : null
}
