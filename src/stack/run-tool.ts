import { execFile } from 'node:child_process'

export interface ToolResult {
  /** False when the program could not be found. */
  readonly found: boolean
  readonly exitCode: number
  /** Standard output and standard error. */
  readonly output: string
}

const MAX_OUTPUT_BYTES = 8 * 1024 * 1024

/** Runs a program to its end, or until the signal aborts. Never rejects: a missing program and a failing one are results. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly signal?: AbortSignal } = {},
): Promise<ToolResult> {
  return new Promise(resolve => {
    execFile(command, args, { ...options, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      const found = (error as NodeJS.ErrnoException | null)?.code !== 'ENOENT'
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ found, exitCode, output: `${stdout}${stderr}` })
    })
  })
}
