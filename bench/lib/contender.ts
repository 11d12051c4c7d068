import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Contenders } from './contracts.js'

/** Runs one contender in a process of its own and gives back what it sent: no contender sees another one's heap. */
export async function runContender<File extends keyof Contenders>(
  file: File,
  input: Contenders[File]['input'],
): Promise<Contenders[File]['output']> {
  const module = fileURLToPath(new URL(`../contenders/${file}`, import.meta.url))
  const child = fork(module, [JSON.stringify(input)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const answered = once(child, 'message')
  const first = await Promise.race([
    answered.then(([output]) => ({ output: output as Contenders[File]['output'] })),
    exited.then(([code]) => ({ code: code as number })),
  ])
  if ('code' in first) throw new Error(`${file} ended with ${first.code} before it answered`)
  await exited
  return first.output
}

/** In a contender: what it was given. */
export function contenderInput(): unknown {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** In a contender: the result. The process should end by itself afterwards. */
export function answer(output: unknown): void {
  process.send!(output, () => process.disconnect())
}
