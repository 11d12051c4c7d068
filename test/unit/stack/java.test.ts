import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { javaVersion } from '#src/stack/java.js'

describe('javaVersion', () => {
  it('reads the feature release of old and new Java', () => {
    assert.equal(javaVersion('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime'), 17)
    assert.equal(javaVersion('openjdk version "21" 2023-09-19'), 21)
    assert.equal(javaVersion('java version "1.8.0_292"'), 8)
    assert.equal(javaVersion('openjdk version "25-ea" 2025-09-16'), 25)
  })

  it('is undefined for anything else', () => {
    assert.equal(
      javaVersion('The operation couldn’t be completed. Unable to locate a Java Runtime.'),
      undefined,
    )
  })
})
