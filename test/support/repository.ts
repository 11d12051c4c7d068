import { fileURLToPath } from 'node:url'

/** The root of the repository, seen from the compiled tests. */
export const repositoryRoot = new URL('../../../', import.meta.url)

export function inRepository(path: string): string {
  return fileURLToPath(new URL(path, repositoryRoot))
}
