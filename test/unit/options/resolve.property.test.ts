import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KNOWN_NAMES } from '#src/options/schema.js'
import { resolveOptions } from '#src/options/resolve.js'
import { isGroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'

const names = [...new Set(Object.values(KNOWN_NAMES).flat())]

/** Values an option may get by mistake, and some that are right. */
const value = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
  fc.constantFrom<unknown>('h:1', '/a', 'earliest', true, null, undefined, 1, 5_000, Symbol('s'), () => 1),
  fc.array(fc.string()),
)

/** Objects of options two levels deep, with real names and others. */
const level = (inner: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
  fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), inner, { maxKeys: 8 })
const garbage = fc.oneof(fc.anything(), level(fc.oneof(value, level(fc.oneof(value, level(value))))))

const mostlyRight = fc.record(
  {
    groupId: fc.constantFrom('g', 'a/b', ''),
    topics: fc.constantFrom(['t'], ['t', 't'], []),
    zookeeper: fc.constantFrom<unknown>('h:1', 'h:1/a', '', { servers: 'h:1', sessionTimeoutMs: 6_000 }),
    threads: fc.oneof(fc.integer(), fc.double()),
    fetch: fc.record({ minBytes: fc.nat(), maxWaitMs: fc.nat(40_000) }, { requiredKeys: [] }),
    kafka: fc.record({ ssl: fc.boolean(), sasl: fc.constant(null) }, { requiredKeys: [] }),
  },
  { requiredKeys: ['groupId', 'topics', 'zookeeper'] },
)

describe('resolveOptions, on anything', () => {
  it('throws one CONFIG_INVALID that names problems, or resolves: nothing else', () => {
    fc.assert(
      fc.property(garbage, given => {
        try {
          assertValid(resolveOptions(withLogger(given) as never))
        } catch (error) {
          assert.ok(isGroupError(error, 'CONFIG_INVALID'), String(error))
          assert.notDeepEqual(error.details['problems'], [])
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('resolves exactly the options that keep the rules', () => {
    let accepted = 0
    fc.assert(
      fc.property(mostlyRight, given => {
        let resolved
        try {
          resolved = resolveOptions({ ...given, logger: silentLogger } as never)
        } catch (error) {
          assert.ok(isGroupError(error, 'CONFIG_INVALID'), String(error))
          return
        }
        assertValid(resolved)
        accepted += 1
      }),
      { numRuns: 2_000 },
    )
    assert.ok(accepted > 0, 'no generated options were valid, so the property said nothing')
  })
})

function assertValid(resolved: ReturnType<typeof resolveOptions>): void {
  assert.match(resolved.groupId, /^[^/]+$/)
  assert.ok(resolved.topics.length > 0 && new Set(resolved.topics).size === resolved.topics.length)
  assert.ok((resolved.zookeeper === null) !== (resolved.storage === null))
  assert.ok(Number.isSafeInteger(resolved.threads) && resolved.threads >= 1)
  assert.ok(resolved.fetch.minBytes <= resolved.fetch.maxBytesPerPartition)
  assert.ok(resolved.fetch.maxWaitMs < resolved.kafka.connection.requestTimeoutMs)
  assert.ok(Object.isFrozen(resolved))
}

/** The default logger would open standard error again for every run. */
function withLogger(given: unknown): unknown {
  return typeof given === 'object' && given !== null && !('logger' in given)
    ? { ...given, logger: silentLogger }
    : given
}
