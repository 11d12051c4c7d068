import { join } from 'node:path'
import { runTool } from './run-tool.ts'
import { stackError } from './stack-error.ts'

const OLDEST_JAVA = 17

export interface Java {
  readonly path: string
  /** All that `java -version` prints: what one build leaves in a cache is of no use to another. */
  readonly build: string
}

/** A usable `java`: that of JAVA_HOME, else the one on the PATH. STACK_FAILED when missing or too old. */
export async function findJava(): Promise<Java> {
  const home = process.env.JAVA_HOME
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
  const { found, exitCode, output } = await runTool(java, ['-version'])
  const need = `the development stack needs Java ${OLDEST_JAVA} or later`
  if (!found) throw stackError(`${need}, and ${java} was not found: install a JDK or set JAVA_HOME`, { java })
  const version = javaVersion(output)
  if (exitCode !== 0 || version === undefined)
    throw stackError(`${need}, and ${java} -version failed`, { java, output })
  if (version < OLDEST_JAVA)
    throw stackError(`${need}, and ${java} is version ${version}: install a newer JDK or set JAVA_HOME`, {
      java,
      version,
    })
  return { path: java, build: output }
}

/** `17` of `openjdk version "17.0.15" …`, `8` of `java version "1.8.0_292"`. */
export function javaVersion(output: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(output)
  return match === null ? undefined : Number(match[1])
}
