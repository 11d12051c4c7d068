import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { assertKnownLibrary } from '#src/coordinator/storage/zookeeper/library-internals.js'
import { thrown } from '../../../../support/group-error.ts'
import { inRepository } from '../../../../support/repository.ts'

describe('the internals of node-zookeeper-client', () => {
  it('are used of the one release they are known for', () => {
    assertKnownLibrary('1.1.3')
    assert.match(thrown(() => assertKnownLibrary('1.1.4'), 'INTERNAL').message, /install exactly/)
  })

  it('are those of the release that gets installed', async () => {
    const manifest = JSON.parse(await readFile(inRepository('package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    assertKnownLibrary(manifest.dependencies['node-zookeeper-client']!)
  })
})
