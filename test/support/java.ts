import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { findJava } from '#src/stack/java.js'
import { javaFlags } from '#src/stack/java-flags.js'
import { compiledJava } from './java-compile.ts'
import { sharedStack } from './stack.ts'

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
export type Isolation = 'read_committed' | 'read_uncommitted'

/** What the Java producer is to do, in order. Producers go by a name of the script's own. */
export type JavaStep =
  | { readonly step: 'open'; readonly producer: string; readonly config?: Readonly<Record<string, string>> }
  | { readonly step: 'begin' | 'commit' | 'abort' | 'flush'; readonly producer: string }
  | ({ readonly step: 'send'; readonly producer: string; readonly topic: string } & JavaMessage)
  | {
      /** Records `key-0`/`value 0` and so on. */
      readonly step: 'sendMany'
      readonly producer: string
      readonly topic: string
      readonly partition: number
      readonly count: number
    }

export interface JavaMessage {
  readonly partition: number
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  readonly headers?: readonly (readonly [name: string, value: Buffer | string | null])[]
  readonly timestamp?: number
}

/** A record as the Java consumer sees it. */
export interface JavaRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** In their order, with repeated names. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

const DEADLINE_MS = 120_000
const MAX_HEAP_MB = 512

/** Settings of a producer that puts all it is sent until `flush` into one batch per partition. */
export const ONE_BATCH = {
  'batch.size': '100000000',
  'linger.ms': '600000',
  'delivery.timeout.ms': '700000',
  'max.request.size': '100000000',
  'buffer.memory': '200000000',
} as const

/**
 * Runs the steps in one Java process, and everything sent is acknowledged when it resolves. A producer with a
 * `transactional.id` in its config is transactional; several of them may interleave.
 */
export async function javaProduce(
  steps: Iterable<JavaStep>,
  brokers: readonly string[] = sharedStack().brokers,
): Promise<void> {
  await runJava('Produce', [], function* lines() {
    for (const step of steps) yield `${JSON.stringify(toWire(step, brokers))}\n`
  })
}

/** Everything in the topic up to its present end, in the order the Java consumer got it. */
export async function javaConsume(
  topic: string,
  isolation: Isolation = 'read_committed',
  brokers: readonly string[] = sharedStack().brokers,
): Promise<JavaRecord[]> {
  const lines = await runJava('Consume', [brokers.join(','), topic, isolation])
  return lines.map(line => fromWire(JSON.parse(line) as RecordWire))
}

/** Sends messages through one producer with a codec, as one batch per partition. */
export async function javaProduceBatch(
  topic: string,
  codec: Codec,
  messages: readonly JavaMessage[],
  brokers: readonly string[] = sharedStack().brokers,
): Promise<void> {
  const producer = 'one'
  const sends = messages.map(message => ({ step: 'send' as const, producer, topic, ...message }))
  const config = { ...ONE_BATCH, 'compression.type': codec }
  await javaProduce([{ step: 'open', producer, config }, ...sends, { step: 'flush', producer }], brokers)
}

/** Standard output by lines; rejects with standard error when the program fails. */
async function runJava(
  program: string,
  args: readonly string[],
  input: () => Iterable<string> = () => [],
): Promise<string[]> {
  const { classpath } = sharedStack()
  const [java, classes] = await Promise.all([findJava(), compiledJava(classpath)])
  const directory = await mkdtemp(join(tmpdir(), 'kwg-java-'))
  try {
    const flags = [...javaFlags(directory, MAX_HEAP_MB), '-cp', `${classes}:${classpath}`]
    const child = spawn(java.path, [...flags, program, ...args], {
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    })
    const exit = once(child, 'exit')
    child.stdin.on('error', () => {}) // it ended before it had read all: its exit code and its words tell why
    Readable.from(input()).pipe(child.stdin)
    const [lines, errors] = await Promise.all([readLines(child.stdout), readLines(child.stderr)])
    const [code, signal] = (await exit) as [number | null, string | null]
    if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}: ${errors.join('\n')}`)
    return lines
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function readLines(stream: Readable): Promise<string[]> {
  const lines: string[] = []
  for await (const line of createInterface({ input: stream })) lines.push(line)
  return lines
}

function toWire(step: JavaStep, brokers: readonly string[]): object {
  if (step.step === 'open')
    return { ...step, config: { 'bootstrap.servers': brokers.join(','), ...step.config } }
  if (step.step !== 'send') return step
  const headers = (step.headers ?? []).map(([name, value]) => [name, base64(value)])
  return { ...step, key: base64(step.key ?? null), value: base64(step.value), headers }
}

interface RecordWire {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

function fromWire(wire: RecordWire): JavaRecord {
  return {
    ...wire,
    key: fromBase64(wire.key),
    value: fromBase64(wire.value),
    headers: wire.headers.map(([name, value]) => [name, fromBase64(value)]),
  }
}

function base64(value: Buffer | string | null): string | null {
  return value === null ? null : Buffer.from(value).toString('base64')
}

function fromBase64(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
