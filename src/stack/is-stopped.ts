import { readdir, readFile } from 'node:fs/promises'

/**
 * True when SIGSTOP has reached every thread: kill(2) returns before that, and a busy thread may answer a client until
 * then (proc(5): T is stopped). Where there is no /proc this cannot be seen and is taken for granted.
 */
export async function isStopped(pid: number): Promise<boolean> {
  const tasks = `/proc/${pid}/task`
  const threads = await readdir(tasks).catch(() => [])
  const states = await Promise.all(threads.map(thread => stateOf(`${tasks}/${thread}/stat`)))
  return states.every(state => state === 'T' || state === undefined)
}

/** The field after the command, which stands in brackets and may itself hold brackets. Undefined for a thread that has ended. */
async function stateOf(file: string): Promise<string | undefined> {
  const stat = await readFile(file, 'latin1').catch(() => undefined)
  return stat?.slice(stat.lastIndexOf(')') + 2).at(0)
}
