import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/**
 * A library, or a part of Node, that is loaded when it is first needed: most threads never need it, and what a thread loads
 * delays the records of one that died. Sync, because decoding is: the library must be CommonJS.
 */
export function loadedOnce(name: string): () => unknown {
  let library: unknown
  return () => (library ??= load(name) as unknown)
}
