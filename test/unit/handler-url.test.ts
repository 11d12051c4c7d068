import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runGroup } from '#src/index.js'
import { handlerUrl } from '#src/handler-url.js'
import { rejection, thrown } from '../support/group-error.ts'

describe('the URL of a handler module', () => {
  it('is made of a path, also of one with signs that mean something in a URL', () => {
    assert.equal(handlerUrl('/srv/handler.js'), 'file:///srv/handler.js')
    assert.equal(handlerUrl('./handler.js'), pathToFileURL(resolve('handler.js')).href)
    assert.equal(handlerUrl('/srv/a?b #1%.js'), pathToFileURL('/srv/a?b #1%.js').href)
    assert.equal(handlerUrl('./data:x.js'), pathToFileURL(resolve('data:x.js')).href)
  })

  it('may be given, as text or as a URL, with parameters', () => {
    assert.equal(handlerUrl('file:///srv/handler.js?a=1'), 'file:///srv/handler.js?a=1')
    assert.equal(handlerUrl(new URL('file:///srv/handler.js?a=1#b')), 'file:///srv/handler.js?a=1#b')
  })

  const refused: [given: unknown, named?: string][] = [
    ['https://example.com/handler.js'],
    [new URL('https://example.com/handler.js'), 'https://example.com/handler.js'],
    [new URL('data:text/javascript,export%20default%201'), 'data:text/javascript,export%20default%201'],
    [new URL('node:fs'), 'node:fs'],
    ['node:fs'],
    ['file://elsewhere/handler.js'],
    ['file:///srv/a%2Fb.js'],
    ['file://['],
    [undefined, 'undefined'],
    [7, '7'],
  ]
  for (const [given, named = given] of refused) {
    it(`is refused by its name when it cannot be a file: ${String(named)} (${typeof given})`, () => {
      const error = thrown(() => handlerUrl(given as string), 'HANDLER_MODULE_INVALID')
      const words = `handler module ${String(named)} must be given as a path or a file: URL: `
      assert.ok(error.message.startsWith(words), error.message)
      assert.equal(error.details['path'], named)
    })
  }

  it('is not repeated as a whole when it is long', () => {
    const { message } = thrown(
      () => handlerUrl(`data:text/javascript,${'x'.repeat(10_000)}`),
      'HANDLER_MODULE_INVALID',
    )
    assert.ok(message.length < 300, message)
  })

  it('is looked at before anything starts', async () => {
    const options = { groupId: 'g', topics: ['t'], zookeeper: '127.0.0.1:1' }
    await rejection(runGroup(new URL('data:text/javascript,'), options), 'HANDLER_MODULE_INVALID')
  })
})
