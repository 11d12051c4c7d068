import { runTool } from '#src/stack/run-tool.js'
import { resolveClasspath, type JavaArtifacts } from '#src/stack/artifacts.js'
import { findJava } from '#src/stack/java.js'
import { javaFlags } from '#src/stack/java-flags.js'
import type { Owner } from './cleanup.ts'
import { compiledJava } from './java-compile.ts'
import { PeerProcess } from './peer-process.ts'
import { inRepository } from './repository.ts'
import { sharedStack } from './stack.ts'
import { temporaryDirectory } from './temporary.ts'

export interface ClassicConsumerOptions {
  readonly groupId: string
  readonly topic: string
  /** The member is called `<groupId>_<id>`. */
  readonly id: string
  readonly threads: number
  readonly sessionMs: number
}

/** What Kafka 1.1.1's ConsumerGroupCommand shows of a partition. `-` is null. */
export interface DescribedByClassicTool {
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
  readonly end: number | null
  readonly lag: number | null
  readonly memberId: string | null
}

const SOURCES = inRepository('test/support/classic')
const ARTIFACTS: JavaArtifacts = {
  pom: inRepository('test/support/classic/pom.xml'),
  name: "Kafka 1.1.1's old consumer",
  megabytes: 20,
}
const MAX_HEAP_MB = 128
/** Topic and number of a partition, then figures; there are headings and notes beside these. */
const PARTITION_LINE = /^\S+\s+\d+\s/

/** A real member with the Scala consumer of Kafka 1.1.1. */
export async function startClassicConsumer(
  owner: Owner,
  { groupId, topic, id, threads, sessionMs }: ClassicConsumerOptions,
): Promise<PeerProcess> {
  const { java, flags } = await javaCommand(owner)
  const args = [sharedStack().zookeeper, groupId, topic, id, String(threads), String(sessionMs)]
  return new PeerProcess(owner, java, [...flags, 'ClassicConsumer', ...args])
}

/** Runs `ConsumerGroupCommand --zookeeper --describe` of Kafka 1.1.1. */
export async function describeByClassicTool(
  owner: Owner,
  groupId: string,
): Promise<DescribedByClassicTool[]> {
  const { java, flags } = await javaCommand(owner)
  const options = ['--zookeeper', sharedStack().zookeeper, '--describe', '--group', groupId]
  const { exitCode, output } = await runTool(java, [...flags, 'kafka.admin.ConsumerGroupCommand', ...options])
  if (exitCode !== 0) throw new Error(`ConsumerGroupCommand ended with ${exitCode}: ${output}`)
  return output
    .split('\n')
    .filter(line => PARTITION_LINE.test(line))
    .map(readLine)
}

function readLine(line: string): DescribedByClassicTool {
  const [topic, partition, committed, end, lag, memberId] = line.trim().split(/\s+/)
  const number = (text: string | undefined): number | null => (text === '-' ? null : Number(text))
  return {
    topic: topic!,
    partition: Number(partition),
    committed: number(committed),
    end: number(end),
    lag: number(lag),
    memberId: memberId === '-' ? null : memberId!,
  }
}

async function javaCommand(owner: Owner): Promise<{ java: string; flags: string[] }> {
  const directory = temporaryDirectory(owner)
  const [java, classpath] = await Promise.all([
    findJava(),
    resolveClasspath(ARTIFACTS, text => console.log(text)),
  ])
  const classes = await compiledJava(classpath, SOURCES)
  return { java: java.path, flags: [...javaFlags(directory, MAX_HEAP_MB), '-cp', `${classes}:${classpath}`] }
}
