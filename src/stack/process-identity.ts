import { readFile } from 'node:fs/promises'
import { runTool } from './run-tool.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** Fields of /proc/<pid>/stat after the command's name in parentheses; see proc(5). */
const STATE_FIELD = 0
const START_TIME_FIELD = 19

/**
 * What tells this process from a later one that was given the same pid: when it started. Undefined when no such process
 * runs; one that has ended and waits for its parent to notice does not run.
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? linuxIdentity(pid) : posixIdentity(pid)
}

async function linuxIdentity(pid: number): Promise<string | undefined> {
  try {
    const [stat, bootId] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(BOOT_ID, 'utf8'), // start times count from the boot
    ])
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ended = ['Z', 'X'].includes(fields[STATE_FIELD] ?? '')
    return ended ? undefined : `${bootId.trim()}/${fields[START_TIME_FIELD] ?? ''}`
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

async function posixIdentity(pid: number): Promise<string | undefined> {
  const { exitCode, output } = await runTool('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])
  const [, state, start] = /^\s*(\S+)\s+(.+?)\s*$/.exec(output) ?? []
  return exitCode !== 0 || state === undefined || state.startsWith('Z') ? undefined : start
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ESRCH'
}
