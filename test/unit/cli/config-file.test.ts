import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readConfigFile } from '#src/cli/config-file.js'

describe('readConfigFile', () => {
  let directory = ''
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kwg-config-'))
  })
  after(() => rm(directory, { recursive: true }))

  const written = async (content: string): Promise<string> => {
    const path = join(directory, 'group.json')
    await writeFile(path, content)
    return path
  }

  it('gives the object in the file', async () => {
    assert.deepEqual(await readConfigFile(await written('{"threads": 2}')), { threads: 2 })
  })

  it('names a file that is not there', async () => {
    const path = join(directory, 'none.json')
    await assert.rejects(readConfigFile(path), {
      code: 'CONFIG_INVALID',
      message: /none\.json cannot be read: ENOENT/,
    })
  })

  it('says where a file is not JSON, without quoting it', async () => {
    const path = await written('{"kafka": {"sasl": {"password": "hunter2",}}}')
    await assert.rejects(readConfigFile(path), (error: Error) => {
      assert.match(error.message, /group\.json is not valid JSON \(at position 42/)
      assert.ok(!error.message.includes('hunter2') && error.cause === undefined)
      return true
    })
  })

  it('refuses JSON that is no object', async () => {
    for (const content of ['[]', 'null', '5']) {
      await assert.rejects(readConfigFile(await written(content)), /is not a JSON object/)
    }
  })
})
