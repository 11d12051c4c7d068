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

/** A server's place in an ensemble. */
export interface EnsemblePlace {
  /** From 1. */
  readonly id: number
  /** `host:quorumPort:electionPort` of each server, as this one is to reach it, or listens itself. */
  readonly servers: Readonly<Record<number, string>>
}

const MAX_HEAP_MB = 128
const MAIN_CLASS = 'org.apache.zookeeper.server.ZooKeeperServerMain'
const ENSEMBLE_MAIN_CLASS = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

/** Writes the configuration of a ZooKeeper server, alone or in an ensemble, and returns how to start it. */
export async function zookeeperServer(
  context: ServerContext,
  port: number,
  tickTimeMs: number,
  settings: Readonly<Record<string, string>>,
  place?: EnsemblePlace,
): Promise<ServerSpec> {
  const { java, classpath, directory, archive } = context
  const files = place === undefined ? 'zookeeper' : `zookeeper-${place.id}`
  const dataDirectory = join(directory, files)
  const configFile = join(directory, `${files}.properties`)
  await mkdir(dataDirectory, { recursive: true })
  if (place !== undefined) await writeFile(join(dataDirectory, 'myid'), String(place.id))
  const properties = { ...configuration(dataDirectory, port, tickTimeMs), ...ensemble(place), ...settings }
  await writeFile(configFile, propertiesText(properties))
  const fast = ['-Dzookeeper.forceSync=no', '-Dzookeeper.preAllocSize=1024']
  const main = place === undefined ? MAIN_CLASS : ENSEMBLE_MAIN_CLASS
  return {
    name: place === undefined ? 'ZooKeeper' : `ZooKeeper ${place.id}`,
    port,
    command: java.path,
    args: [...javaFlags(directory, MAX_HEAP_MB, archive), ...fast, '-cp', classpath, main, configFile],
    logFile: join(directory, `${files}.log`),
    beforeStart: async () => {},
    isReady: async () => SERVING.test(await fourLetterWord(HOST, port, 'srvr')),
  }
}

/** In the answer to `srvr`; a server that has no quorum answers without it. */
const SERVING = /Mode: (standalone|leader|follower)/

function ensemble(place: EnsemblePlace | undefined): Record<string, string> {
  if (place === undefined) return {}
  const servers = Object.entries(place.servers)
  return Object.fromEntries(servers.map(([id, address]) => [`server.${id}`, address]))
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
