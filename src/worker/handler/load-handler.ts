import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { GroupError } from '../../shared/errors.ts'
import { toError } from '../../shared/errors.ts'
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
  } catch (error) {
    throw await explainImportFailure(path, toError(error))
  }
  return readHandlerExports(imported, path)
}

async function explainImportFailure(path: string, error: Error): Promise<GroupError> {
  if (error instanceof SyntaxError) {
    const where = placeOf(error.stack) ?? (await findSyntaxError(path)) ?? `${path} or a module it imports`
    return moduleInvalid(path, `does not parse: ${error.message} (in ${where})`, error)
  }
  if ('code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return moduleInvalid(path, `cannot be loaded: ${error.message}; compile it to JavaScript first`, error)
  return moduleInvalid(path, `threw while it was loaded: ${error.message}`, error)
}

/** The first line of the stack of a syntax error names file and line; for ES modules only on the console, not here. */
function placeOf(stack: string | undefined): string | null {
  const place = /^(?:file:\/\/)?(\/.*|[A-Za-z]:\\.*):(\d+)$/m.exec(stack?.split('\n')[0] ?? '')
  return place === null ? null : `${place[1]!}:${place[2]!}`
}

/** Asks Node to parse the file; null if this file parses, so that the fault is in one that it imports. */
async function findSyntaxError(path: string): Promise<string | null> {
  try {
    await promisify(execFile)(process.execPath, ['--check', path], { timeout: CHECK_TIMEOUT_MS })
    return null
  } catch (error) {
    const output = (error as { stderr?: unknown }).stderr
    return typeof output === 'string' ? placeOf(output) : null // no output: Node could not be started here, the place stays unknown
  }
}
