import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { DEFAULTS } from '#src/options/defaults.js'
import { KNOWN_NAMES } from '#src/options/schema.js'
import { inRepository } from '../../support/repository.js'

interface DocumentedOption {
  path: string
  type: string
  required: boolean
  group: boolean
  text: string
  default: string | null
}

const run = promisify(execFile)
const generator = inRepository('scripts/generate-options-doc.mjs')

describe('docs/options.md', () => {
  it('is what the comments of the types say', async () => {
    await run(process.execPath, [generator, '--check'])
  })

  it('documents exactly the options that the resolver knows', async () => {
    // The forms of `sasl` are told in one place, as which keys belong together matters more than each alone.
    const known = Object.entries(KNOWN_NAMES).filter(([parent]) => parent !== 'kafka.sasl')
    const paths = known.flatMap(([parent, names]) =>
      names.map(name => (parent === '' ? name : `${parent}.${name}`)),
    )
    const documented = (await documentedOptions()).map(option => option.path)
    assert.deepEqual(documented.sort(), paths.sort())
  })

  it('gives the defaults that are in force', async () => {
    const numbers = (await documentedOptions()).filter(option =>
      /^('.*'|[\d_]+|true|false)$/.test(option.default ?? ''),
    )
    const wrong = numbers.filter(option => literal(option.default!) !== defaultAt(option.path))
    assert.deepEqual(
      wrong.filter(option => option.path !== 'kafka.ssl.rejectUnauthorized'), // that one is of Node.js
      [],
    )
    assert.ok(numbers.length > 15)
  })

  it('says for every number what is too low and what is too high', async () => {
    const numbers = (await documentedOptions()).filter(option => option.type === 'number')
    for (const { path, text } of numbers) assert.match(text, /Too low.*too high/is, path)
  })
})

async function documentedOptions(): Promise<DocumentedOption[]> {
  const { stdout } = await run(process.execPath, [generator, '--json'])
  return JSON.parse(stdout) as DocumentedOption[]
}

function literal(text: string): unknown {
  return JSON.parse(text.replaceAll("'", '"').replaceAll(/(?<=\d)_(?=\d)/g, ''))
}

function defaultAt(path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], DEFAULTS)
}
