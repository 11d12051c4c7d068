import type { TopicPartition } from '../../shared/types.ts'

/** What the user paused: everything, whole topics, single partitions. The newest word on a partition counts. */
export class Pauses {
  #words: {
    readonly topic: string | undefined
    readonly partition: number | undefined
    readonly paused: boolean
  }[] = []

  set(paused: boolean, topic?: string, partition?: number): void {
    const word = { topic, partition, paused }
    // A word makes older ones about the same or less moot, so the list stays as long as what it distinguishes.
    this.#words = this.#words.filter(older => !covers(word, older))
    this.#words.push(word)
  }

  isPaused(of: TopicPartition): boolean {
    return this.#words.findLast(word => covers(word, of))?.paused ?? false
  }
}

function covers(
  word: { topic: string | undefined; partition: number | undefined },
  other: { topic: string | undefined; partition: number | undefined },
): boolean {
  if (word.topic === undefined) return true
  if (word.topic !== other.topic) return false
  return word.partition === undefined || word.partition === other.partition
}
