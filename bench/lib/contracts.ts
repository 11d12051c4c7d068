import type { RunGroupOptions } from '#src/index.js'

/** What each contender is given and answers. */
export interface Contenders {
  readonly 'bare-threads.js': { readonly input: BareThreadsInput; readonly output: Timing }
  readonly 'group.js': { readonly input: GroupInput; readonly output: Timing }
  readonly 'failing-group.js': { readonly input: FailingGroupInput; readonly output: FailingGroupResult }
  readonly 'kafkajs-each-batch.js': { readonly input: KafkaJsInput; readonly output: Timing }
  readonly 'resident.js': { readonly input: ResidentInput; readonly output: ResidentResult }
}

export interface Timing {
  readonly records: number
  readonly elapsedMs: number
}

export interface BareThreadsInput {
  readonly threads: number
  readonly records: number
  readonly valueBytes: number
  /** Of so many calls, drawn at random, one takes `SLOW_FACTOR` times as long. @defaultValue none does */
  readonly slowOneIn?: number
}

export interface GroupInput {
  readonly zookeeper: string
  readonly topic: string
  readonly groupId: string
  readonly handler: string
  readonly threads: number
  readonly records: number
  /** @defaultValue those of the group */
  readonly options?: Pick<RunGroupOptions, 'ordering' | 'concurrency'>
}

export interface FailingGroupInput {
  readonly zookeeper: string
  readonly topic: string
  readonly groupId: string
  readonly threads: number
  readonly partitions: number
  readonly records: number
  /** Nothing fails: the run to compare with. */
  readonly isClean: boolean
  readonly attempts: number
  readonly backoffMs: number
  readonly handlerTimeoutMs: number
}

export interface FailingGroupResult extends Timing {
  /** Threads that ended, of themselves or because they were blocked. */
  readonly deaths: number
  readonly deadLetters: number
  /** Starts of a thread that does nothing but say that it runs, in the same process: the median. */
  readonly bareStartMs: number
  /** Records whose attempts are not the ones that were to be, the first few. */
  readonly wrong: readonly string[]
}

export interface KafkaJsInput {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly groupId: string
  readonly records: number
}

export interface ResidentInput {
  readonly zookeeper: string
  readonly topic: string
  readonly groupId: string
  readonly handler: string
  readonly threads: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface ResidentSample {
  readonly atSecond: number
  readonly residentMb: number
}

export interface ResidentResult {
  readonly samples: readonly ResidentSample[]
  /** Share of one core over the sampled time, the whole process. */
  readonly cpuShare: number
  readonly handled: number
}
