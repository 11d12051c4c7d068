import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { inRepository } from '../support/repository.ts'

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
}

describe('kafka-worker-group/handler', () => {
  const manifest = JSON.parse(readFileSync(inRepository('package.json'), 'utf8')) as Manifest
  const entry = manifest.exports['./handler']!

  it('is what a handler module needs of the package', async () => {
    const names = Object.keys(await import('kafka-worker-group/handler'))
    assert.deepEqual(names.sort(), ['UnrecoverableError', 'defineHandler'])
    assert.match(entry.types, /\.d\.ts$/)
  })

  it('loads no other module into each thread', () => {
    const compiled = readFileSync(inRepository(entry.default), 'utf8')
    assert.doesNotMatch(compiled, /\bimport\b[^`*]*?['"]|\bfrom\s+['"]|\brequire\(/)
  })

  it('has the very classes and functions of the whole package', async () => {
    const handler = await import('kafka-worker-group/handler')
    const whole = await import('kafka-worker-group')
    assert.equal(handler.UnrecoverableError, whole.UnrecoverableError)
    assert.equal(handler.defineHandler, whole.defineHandler)
  })
})
