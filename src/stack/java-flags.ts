import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const LOG_CONFIGURATION = pathToFileURL(
  fileURLToPath(new URL('../../stack/log4j.properties', import.meta.url)),
)

/** Flags for a JVM that is up fast, stays small, and leaves files in `directory` only. For `archive` see class-archive.ts. */
export function javaFlags(directory: string, maxHeapMb: number, archive?: string): string[] {
  return [
    ...(archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`]),
    '-Xlog:cds=off', // a JVM that cannot use an archive goes on without it
    '-Xlog:cds+dynamic=off',
    `-Xms32m`,
    `-Xmx${maxHeapMb}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1', // the second compiler pays off after minutes, and costs the tests a core until then
    '-XX:-UsePerfData', // its file in the system's temporary directory would stay behind a killed server
    `-XX:ErrorFile=${join(directory, 'java-error-%p.log')}`,
    `-Djava.io.tmpdir=${directory}`, // native codecs unpack themselves there
    '-Djava.awt.headless=true',
    '-Djava.net.preferIPv4Stack=true',
    `-Dlog4j.configuration=${LOG_CONFIGURATION.href}`,
  ]
}

/** A Java properties file. */
export function propertiesText(properties: Readonly<Record<string, string | number>>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('')
}
