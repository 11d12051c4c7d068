import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { processIdentity } from './process-identity.ts'
import { stackError } from './stack-error.ts'

/** One server that `kwg dev up` has left running. */
export interface DevServer {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** See process-identity.ts: the pid alone may belong to somebody else by now. */
  readonly identity: string
}

/** What `up` notes for `down` and `status`. */
export interface DevState {
  readonly version: 1
  /** `host:port` */
  readonly zookeeper: string
  readonly brokers: readonly string[]
  /** ZooKeeper first. */
  readonly servers: readonly DevServer[]
}

const FOLDER = '.kwg'

/** Where the stack of a working directory keeps its state, and the servers their data. */
export function devPaths(directory: string): { folder: string; stateFile: string; data: string } {
  const folder = join(directory, FOLDER)
  return { folder, stateFile: join(folder, 'stack.json'), data: join(folder, 'stack') }
}

/** Undefined when no stack was started here. */
export async function readState(directory: string): Promise<DevState | undefined> {
  const { stateFile } = devPaths(directory)
  try {
    const state = JSON.parse(await readFile(stateFile, 'utf8')) as DevState
    if (!Array.isArray(state.servers)) throw new SyntaxError('no servers')
    return state
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const advice = 'stop its servers by hand and delete the file'
    throw stackError(`${stateFile} does not tell what was started: ${advice}`, { stateFile }, error)
  }
}

export async function writeState(directory: string, state: DevState): Promise<void> {
  const { folder, stateFile } = devPaths(directory)
  await makeFolder(folder)
  const whole = `${stateFile}.${process.pid}`
  await writeFile(whole, `${JSON.stringify(state, undefined, 2)}\n`)
  await rename(whole, stateFile)
}

/** With `keepData` the next `up` finds topics and offsets as they were. */
export async function removeState(directory: string, keepData: boolean): Promise<void> {
  const { folder, stateFile } = devPaths(directory)
  await rm(keepData ? stateFile : folder, { recursive: true, force: true })
}

/** It hides itself from version control. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, '.gitignore'), '*\n')
}

export async function isRunning(server: DevServer): Promise<boolean> {
  return (await processIdentity(server.pid)) === server.identity
}
