import { startStack, type RunningStack, type StackOptions } from '#src/stack/start-stack.js'
import { atEnd, type Owner } from './cleanup.ts'

/** The one stack of a test run, shared by every integration test that does no harm to its servers. */
export interface SharedStack {
  /** `host:port` */
  readonly zookeeper: string
  readonly brokers: readonly string[]
  readonly classpath: string
  /** Configuration, data and logs of the servers. */
  readonly directory: string
}

const VARIABLES = {
  zookeeper: 'KWG_TEST_ZOOKEEPER',
  brokers: 'KWG_TEST_BROKERS',
  classpath: 'KWG_TEST_CLASSPATH',
  directory: 'KWG_TEST_DIRECTORY',
} as const

/** Addresses of the stack that test/run.ts started. */
export function sharedStack(): SharedStack {
  return {
    zookeeper: variable(VARIABLES.zookeeper),
    brokers: variable(VARIABLES.brokers).split(','),
    classpath: variable(VARIABLES.classpath),
    directory: variable(VARIABLES.directory),
  }
}

/** What test files need in their environment to find the stack. */
export function stackEnvironment(stack: SharedStack): Record<string, string> {
  return {
    [VARIABLES.zookeeper]: stack.zookeeper,
    [VARIABLES.brokers]: stack.brokers.join(','),
    [VARIABLES.classpath]: stack.classpath,
    [VARIABLES.directory]: stack.directory,
  }
}

/** Servers of the test's own, to be frozen, stopped and killed. They end with the test. */
export async function privateStack(owner: Owner, options: StackOptions = {}): Promise<RunningStack> {
  const stack = await startStack(options)
  atEnd(owner, () => stack.stop())
  return stack
}

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined)
    throw new Error(`${name} is not set: run integration tests with \`npm test -- <part of the file name>\``)
  return value
}
