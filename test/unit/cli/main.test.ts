import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { jsonLines, kwg } from '../../support/cli.ts'

const least = ['--group', 'g', '--topics', 'a', '--zookeeper', '127.0.0.1:1']

describe('kwg', () => {
  it('shows its commands and ends with 1 when none is given', async () => {
    const { code, stdout, stderr } = await kwg()
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /run .*describe /s)
  })

  it('suggests the closest command and flag', async () => {
    const command = await kwg('descibe')
    assert.equal(command.code, 1)
    assert.match(command.stderr, /Did you mean describe\?/)
    const flag = await kwg('run', 'handler.js', '--tread', '4')
    assert.equal(flag.code, 1)
    assert.match(flag.stderr, /Did you mean --threads\?/)
  })

  it('prints its version', async () => {
    const { code, stdout } = await kwg('--version')
    assert.equal(code, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })
})

describe('kwg run, on bad input', () => {
  it('reports every wrong flag on one line, by flag and option', async () => {
    const { code, stdout, stderr } = await kwg('run', 'handler.js', '--threads', 'x', '--ordering', 'keys')
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(
      stderr,
      /^kwg: CONFIG_INVALID: .*--group \(groupId\): missing.*--threads \(threads\): got "x".*\n$/,
    )
    assert.match(stderr, /--ordering \(ordering\): got "keys", expected 'partition' or 'key' or 'none'/)
  })

  it('needs a handler', async () => {
    const { code, stderr } = await kwg('run', ...least)
    assert.equal(code, 1)
    assert.match(stderr, /missing required argument 'handler'/)
  })

  it('refuses unknown names in the configuration file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kwg-main-'))
    const file = join(directory, 'group.json')
    await writeFile(file, JSON.stringify({ comit: { auto: false } }))
    const { code, stderr } = await kwg('run', 'handler.js', ...least, '--config', file)
    await rm(directory, { recursive: true })
    assert.equal(code, 1)
    assert.match(stderr, /comit: unknown option, did you mean commit\?/)
  })

  it('tells the failure as a JSON line too when asked to', async () => {
    const { code, stdout, stderr } = await kwg('run', 'handler.js', '--json')
    assert.equal(code, 1)
    const [line] = jsonLines(stdout)
    assert.equal(line?.['event'], 'failed')
    assert.equal(line['code'], 'CONFIG_INVALID')
    assert.match(stderr, /^kwg: CONFIG_INVALID/)
  })
})

describe('kwg offsets reset, on bad input', () => {
  it('names every flag that is missing or wrong, and what would be right', async () => {
    const { code, stdout, stderr } = await kwg('offsets', 'reset', '--group', 'g', '--to', 'noon')
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^kwg: CONFIG_INVALID: .*--topic \(topic\): missing.*\n$/)
    assert.match(
      stderr,
      /--to \(to\): got "noon", expected 'earliest', 'latest', an offset.* a time .*its zone/,
    )
  })
})

describe('kwg describe, on bad input', () => {
  it('needs a group and ZooKeeper', async () => {
    const { code, stderr } = await kwg('describe')
    assert.equal(code, 1)
    assert.match(stderr, /--group \(groupId\): missing.*--zookeeper \(zookeeper\): missing/)
  })
})
