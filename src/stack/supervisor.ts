/**
 * A process of its own that owns the Java servers of one stack, so that they end with whoever started them, however
 * that ended: the channel to the parent closes also when the parent is killed. Forked by supervisor-client.ts with
 * the directory as its argument; without one it makes a temporary directory and removes it at the end.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Launch, Signal, SupervisorMessage, SupervisorRequest } from './supervisor-protocol.ts'

const givenDirectory = process.argv[2]
const directory = givenDirectory ?? mkdtempSync(join(tmpdir(), 'kwg-stack-'))
const children = new Map<string, ChildProcess>()

function tell(message: SupervisorMessage): void {
  // A parent that has gone in this very moment gets no message; 'disconnect' follows.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

function launch(request: Launch): Promise<number> {
  const log = openSync(request.logFile, 'a')
  const child = spawn(request.command, request.args, { cwd: directory, stdio: ['ignore', log, log] })
  closeSync(log)
  children.set(request.name, child) // at once: an end may be asked for before the child has spawned
  child.once('exit', () => {
    forget(request.name, child)
    tell({ type: 'exited', name: request.name, pid: child.pid! })
  })
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid!))
    child.once('error', error => {
      forget(request.name, child)
      reject(error)
    })
  })
}

function forget(name: string, child: ChildProcess): void {
  if (children.get(name) === child) children.delete(name)
}

async function answer(request: SupervisorRequest & (Launch | Signal)): Promise<void> {
  try {
    if (request.type === 'launch') tell({ type: 'answer', id: request.id, pid: await launch(request) })
    else tell({ type: 'answer', id: request.id, signalled: sendSignal(request) })
  } catch (error) {
    tell({ type: 'answer', id: request.id, error: String(error) })
  }
}

function sendSignal(request: Signal): boolean {
  return children.get(request.name)?.kill(request.signal) ?? false
}

let ending: Promise<void> | undefined

/** The parent asked for the end, or has gone. */
function end(): void {
  ending ??= killAndRemove()
  void ending.then(
    () => process.exit(0),
    () => process.exit(1),
  )
}

async function killAndRemove(): Promise<void> {
  // SIGKILL also ends processes that are frozen.
  const exits = [...children.values()].map(child => {
    const exit = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    return exit
  })
  await Promise.all(exits)
  if (givenDirectory === undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** Leaves the servers to themselves: from now on they end when somebody stops them. */
function release(): void {
  process.exit(0)
}

function onRequest(request: SupervisorRequest): void {
  switch (request.type) {
    case 'launch':
    case 'signal':
      void answer(request)
      return
    case 'end':
      end()
      return
    case 'release':
      release()
  }
}

process.on('message', onRequest)
process.on('disconnect', end)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
tell({ type: 'ready', directory })
