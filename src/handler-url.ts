import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { GroupError, messageOf } from './shared/errors.ts'

const MAX_SHOWN_CHARACTERS = 100
/** Two letters at least: one is a drive. A path that begins like this can be written with `./` before it. */
const BEGINS_WITH_SCHEME = /^[a-z][a-z\d+.-]+:/i

/**
 * The file: URL of a handler module that is given as a path (relative to the working directory), as a URL or as the
 * text of one; its parameters stay. HANDLER_MODULE_INVALID: threads import files only.
 */
export function handlerUrl(module: string | URL): string {
  if (typeof module === 'string' && !BEGINS_WITH_SCHEME.test(module))
    return pathToFileURL(isAbsolute(module) ? module : resolve(module)).href
  try {
    const url = new URL(module)
    fileURLToPath(url)
    return url.href
  } catch (thrown) {
    throw notAFile(module, thrown)
  }
}

function notAFile(module: string | URL, thrown: unknown): GroupError {
  const shown = cut(String(module))
  const problem = `must be given as a path or a file: URL: ${messageOf(thrown)}`
  return new GroupError('HANDLER_MODULE_INVALID', `handler module ${shown} ${problem}`, {
    details: { path: shown },
    cause: thrown,
  })
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN_CHARACTERS ? text : `${text.slice(0, MAX_SHOWN_CHARACTERS)}…`
}
