import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fourLetterWord } from './four-letter-word.ts'
import type { Java } from './java.ts'
import { javaFlags, propertiesText } from './java-flags.ts'
import { HOST } from './ports.ts'
import type { ServerSpec } from './server-process.ts'

/** What every server of a stack is made from. */
export interface ServerContext {
  readonly java: Java
  readonly classpath: string
  readonly directory: string
  /** See class-archive.ts. */
  readonly archive: string | undefined
}

const MAX_HEAP_MB = 128
const MAIN_CLASS = 'org.apache.zookeeper.server.ZooKeeperServerMain'

/** Writes the configuration of a single ZooKeeper server and returns how to start it. */
export async function zookeeperServer(
  context: ServerContext,
  port: number,
  tickTimeMs: number,
  settings: Readonly<Record<string, string>>,
): Promise<ServerSpec> {
  const { java, classpath, directory, archive } = context
  const dataDirectory = join(directory, 'zookeeper')
  const configFile = join(directory, 'zookeeper.properties')
  await mkdir(dataDirectory, { recursive: true })
  await writeFile(
    configFile,
    propertiesText({ ...configuration(dataDirectory, port, tickTimeMs), ...settings }),
  )
  const fast = ['-Dzookeeper.forceSync=no', '-Dzookeeper.preAllocSize=1024']
  return {
    name: 'ZooKeeper',
    port,
    command: java.path,
    args: [...javaFlags(directory, MAX_HEAP_MB, archive), ...fast, '-cp', classpath, MAIN_CLASS, configFile],
    logFile: join(directory, 'zookeeper.log'),
    beforeStart: async () => {},
    isReady: async () => (await fourLetterWord(HOST, port, 'srvr')).includes('Mode: standalone'),
  }
}

function configuration(
  dataDirectory: string,
  port: number,
  tickTimeMs: number,
): Record<string, string | number> {
  return {
    dataDir: dataDirectory,
    clientPort: port,
    clientPortAddress: HOST,
    tickTime: tickTimeMs, // sessions may be as short as two of it, and expire in steps of it
    maxSessionTimeout: 60_000,
    maxClientCnxns: 0,
    'admin.enableServer': 'false',
    '4lw.commands.whitelist': '*',
  }
}
