/** What each contender is given and answers. */
export interface Contenders {
  readonly 'bare-threads.js': { readonly input: BareThreadsInput; readonly output: Timing }
  readonly 'group.js': { readonly input: GroupInput; readonly output: Timing }
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
}

export interface GroupInput {
  readonly zookeeper: string
  readonly topic: string
  readonly groupId: string
  readonly handler: string
  readonly threads: number
  readonly records: number
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
