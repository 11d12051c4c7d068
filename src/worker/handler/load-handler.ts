import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { toWire } from '../../shared/error-wire.ts'
import type { GroupError } from '../../shared/errors.ts'
import { moduleInvalid, readHandlerExports, type LoadedHandler } from './handler-exports.ts'

const CHECK_TIMEOUT_MS = 10_000

/** Imports the user's module (ESM or CommonJS) into this thread. HANDLER_MODULE_INVALID says what is wrong with it, and where. */
export async function loadHandler(url: string): Promise<LoadedHandler> {
  const path = fileURLToPath(url)
  if (!existsSync(path)) throw moduleInvalid(path, 'does not exist')
  if (statSync(path).isDirectory()) throw moduleInvalid(path, 'is a directory; name the file')
  let imported: object
  try {
    imported = (await import(url)) as object
  } catch (thrown) {
    throw await explainImportFailure(path, thrown)
  }
  return readHandlerExports(imported, path)
}

/** What the module threw may be anything, so it is read as plain data. */
async function explainImportFailure(path: string, thrown: unknown): Promise<GroupError> {
  const { name, message, stack, code } = toWire(thrown)
  if (name === 'SyntaxError') {
    const where = placeOf(stack) ?? (await findSyntaxError(path)) ?? `${path} or a module it imports`
    return moduleInvalid(path, `does not parse: ${message} (in ${where})`, thrown)
  }
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return moduleInvalid(path, `cannot be loaded: ${message}; compile it to JavaScript first`, thrown)
  return moduleInvalid(path, `threw while it was loaded: ${message}`, thrown)
}

/** The first line of the stack of a syntax error names file and line; for ES modules only on the console, not here. */
function placeOf(stack: string): string | null {
  const place = /^(?:file:\/\/)?(\/.*|[A-Za-z]:\\.*):(\d+)$/m.exec(stack.split('\n')[0]!)
  return place === null ? null : `${place[1]!}:${place[2]!}`
}

/** Asks Node to parse the file; null if this file parses, so that the fault is in one that it imports. */
async function findSyntaxError(path: string): Promise<string | null> {
  try {
    const { execFile } = await import('node:child_process') // seldom needed: not at every start of a thread
    await promisify(execFile)(process.execPath, ['--check', path], { timeout: CHECK_TIMEOUT_MS })
    return null
  } catch (error) {
    const output = (error as { stderr?: unknown }).stderr
    return typeof output === 'string' ? placeOf(output) : null // no output: Node could not be started here, the place stays unknown
  }
}
