import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger } from '#src/shared/logger.js'
import { optionMessage, optionProblems } from '../../support/option-problems.js'

const least = { groupId: 'g', topics: ['t'], zookeeper: 'h:2181', logger: silentLogger }

/** Option by option: what is given, and the report it must get. */
const reports: [name: string, given: object, report: RegExp][] = [
  ['a missing group', { groupId: undefined }, /groupId: missing, expected a legal ZooKeeper node name/],
  ['a group with a slash', { groupId: 'a/b' }, /groupId: got "a\/b", expected a legal ZooKeeper node name/],
  ['a group that is empty', { groupId: '' }, /groupId: got ""/],
  ['a group named by dots', { groupId: '..' }, /groupId: got "\.\."/],
  ['a group with a control character', { groupId: 'a\u0001' }, /groupId: got "a\\u0001"/],
  ['a member with a slash', { memberId: '/m' }, /memberId: got "\/m"/],
  ['no topics', { topics: [] }, /topics: got an array, expected at least one topic name/],
  ['topics as text', { topics: 'a,b' }, /topics: got "a,b", expected a list of topic names/],
  ['an illegal topic', { topics: ['a b'] }, /topics\[0\]: got "a b", expected a topic name/],
  ['a topic that is too long', { topics: ['x'.repeat(250)] }, /topics\[0\]: got "x+…, expected a topic name/],
  [
    'a topic given twice',
    { topics: ['a', 'b', 'a'] },
    /topics\[2\]: got "a", expected a topic not yet given \(topics\[0\]\)/,
  ],
  ['no storage at all', { zookeeper: undefined }, /zookeeper: missing, expected .* or `storage` instead/],
  [
    'a storage without methods',
    { zookeeper: undefined, storage: { open() {} } },
    /storage: .*missing: listBrokers, .*readOwners, readHolder, .*close, abandon\)/,
  ],
  ['two storages', { storage: {} }, /storage: got an object, expected nothing, because `zookeeper` is given/],
  ['an unknown order', { ordering: 'keys' }, /ordering: got "keys", expected 'partition' or 'key' or 'none'/],
  ['too many threads', { threads: 5000 }, /threads: got 5000, expected an integer from 1 to 1024/],
  ['threads as text', { threads: '4' }, /threads: got "4", expected an integer/],
  ['half a thread', { threads: 1.5 }, /threads: got 1\.5/],
  ['a bigint', { threads: 4n }, /threads: got 4n/],
  [
    'an unknown policy',
    { offsetReset: 'newest' },
    /offsetReset: got "newest", expected 'latest' or 'earliest' or 'none'/,
  ],
  [
    'a short session',
    { zookeeper: { servers: 'h:1', sessionTimeoutMs: 50 } },
    /zookeeper\.sessionTimeoutMs: got 50, expected an integer of milliseconds from 1000/,
  ],
  [
    'an ill-typed value inside of one form of a value',
    { zookeeper: { servers: 'h:1', sessionTimeoutMs: '6000' } },
    /: zookeeper\.sessionTimeoutMs: got "6000", expected an integer/,
  ],
  [
    'a time no timer can keep',
    { stopTimeoutMs: 2 ** 31 },
    /stopTimeoutMs: got 2147483648, expected .* to 2147483647/,
  ],
  [
    'a logger without error',
    { logger: { debug() {}, info() {}, warn() {} } },
    /logger: got an object, expected .*missing: error/,
  ],
  ['no brokers', { kafka: { brokers: [] } }, /kafka\.brokers: got an array, expected at least one broker/],
  [
    'metadata that is asked for all the time',
    { kafka: { metadataMaxAgeMs: 10 } },
    /kafka\.metadataMaxAgeMs: got 10, expected an integer of milliseconds from 100/,
  ],
  [
    'a broker without port',
    { kafka: { brokers: ['h'] } },
    /kafka\.brokers\[0\]: got "h", expected host:port/,
  ],
  [
    'an unknown mechanism',
    { kafka: { sasl: { mechanism: 'PLAIN' } } },
    /kafka\.sasl\.mechanism: got "PLAIN", expected 'plain' or/,
  ],
  [
    'SASL without password',
    { kafka: { sasl: { mechanism: 'plain', username: 'u' } } },
    /kafka\.sasl\.password: missing/,
  ],
  [
    'a TLS function',
    { kafka: { ssl: { checkServerIdentity() {} } } },
    /kafka\.ssl\.checkServerIdentity: unknown option, known are ca, /,
  ],
  [
    'a minimum above the maximum',
    { fetch: { minBytes: 2_000_000 } },
    /fetch\.minBytes: got 2000000, expected not more than fetch\.maxBytesPerPartition \(1048576 by default\)/,
  ],
  [
    'a budget below one answer',
    { fetch: { maxBufferedBytes: 1000 } },
    /fetch\.maxBufferedBytes: got 1000, expected not less than fetch\.maxBytesPerPartition/,
  ],
  [
    'a long poll beyond its timeout',
    { kafka: { requestTimeoutMs: 400 } },
    /kafka\.requestTimeoutMs: got 400, expected more than fetch\.maxWaitMs \(500 by default\)/,
  ],
  [
    'a wait for an answer that no timer can keep',
    { kafka: { requestTimeoutMs: 2 ** 31 - 1 } },
    /kafka\.requestTimeoutMs: got 2147483647, expected not more than 2147483147 with fetch\.maxWaitMs \(500 by default\): no timer lasts longer/,
  ],
  [
    'a wait for a claim that no timer can keep',
    { claim: { retries: 1_000_000 } },
    /claim\.retries: got 1000000, expected not more than 715827 with claim\.retryIntervalMs \(3000 by default\): no timer lasts longer/,
  ],
  [
    'an interval that makes a wait for a claim that no timer can keep',
    { claim: { retryIntervalMs: 2 ** 31 - 1 } },
    /claim\.retryIntervalMs: got 2147483647, expected not more than 429496729 with claim\.retries \(5 by default\): no timer lasts longer/,
  ],
]

const chroots: [chroot: string, report: RegExp][] = [
  ['/a//b', /without '\/\/'/],
  ['/a/', /without a trailing '\/'/],
  ['/', /without a trailing '\/'/],
  ['/a/../b', /without '\.\.' as a part/],
  ['/./b', /without '\.' as a part/],
  ['/a\u0000b', /without control characters/],
]

describe('the report of invalid options', () => {
  for (const [name, given, report] of reports) {
    it(`names ${name}`, () => assert.match(optionMessage({ ...least, ...given }), report))
  }

  for (const [chroot, report] of chroots) {
    it(`names what is wrong with the chroot ${JSON.stringify(chroot)}, in both forms`, () => {
      assert.match(optionMessage({ ...least, zookeeper: `h:1${chroot}` }), report)
      assert.match(optionMessage({ ...least, zookeeper: { servers: 'h:1', chroot } }), report)
    })
  }

  it('names a relative chroot, and one given twice', () => {
    assert.match(
      optionMessage({ ...least, zookeeper: { servers: 'h:1', chroot: 'a' } }),
      /an absolute chroot/,
    )
    const twice = { servers: 'h:1/a', chroot: '/b' }
    assert.match(
      optionMessage({ ...least, zookeeper: twice }),
      /zookeeper\.chroot: got "\/b", expected nothing/,
    )
  })

  it('names times that no timer can keep together with everything else', () => {
    const problems = optionProblems({
      ...least,
      threads: 0,
      claim: { retries: 2 ** 20, retryIntervalMs: 2 ** 20 },
      fetch: { maxWaitMs: 2 ** 30 },
      kafka: { requestTimeoutMs: 2 ** 31 - 1 },
    })
    assert.deepEqual(
      problems.map(({ path }) => path),
      ['threads', 'kafka.requestTimeoutMs', 'claim.retries'],
    )
  })

  it('suggests the closest name for an unknown key, at any depth and in other spellings', () => {
    const cases: [object, string][] = [
      [{ threds: 1 }, 'threads'],
      [{ 'group.id': 1 }, 'groupId'],
      [{ brokers: [] }, 'kafka.brokers'],
      [{ fetch: { maxWait: 1 } }, 'fetch.maxWaitMs'],
      [
        { kafka: { sasl: { mechanism: 'plain', username: 'u', password: 'p', pasword: 'p' } } },
        'kafka.sasl.password',
      ],
    ]
    for (const [given, name] of cases) {
      assert.match(
        optionMessage({ ...least, ...given }),
        new RegExp(`unknown option, did you mean ${name}\\?`),
      )
    }
  })

  it('lists the known names where none is close', () => {
    for (const later of ['parallelism', 'pollers', 'metrics']) {
      assert.match(
        optionMessage({ ...least, [later]: 1 }),
        new RegExp(`${later}: unknown option, known are groupId,`),
      )
    }
  })

  it('never shows a secret', () => {
    const secret = 'hunter2'
    const given = [
      { kafka: { sasl: secret } },
      { kafka: { sasl: { mechanism: 'plain', username: secret, password: secret, [`x`]: secret } } },
      { kafka: { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: secret } } },
      { kafka: { ssl: secret } },
      { kafka: { ssl: { passphrase: 7, key: [7, secret], rejectUnauthorized: secret } } },
      { kafka: { brokers: [`user:${secret}@h`] } },
      { zookeeper: `user:${secret}@h:1` },
    ]
    for (const options of given) {
      const problems = optionProblems({ ...least, ...options })
      assert.notEqual(problems.length, 0)
      assert.ok(!JSON.stringify(problems).includes(secret), JSON.stringify(problems))
    }
  })

  it('stays readable when hundreds of keys are unknown', () => {
    const many = Object.fromEntries([...Array(300).keys()].map(index => [`zzzzzzzz${index}`, 1]))
    assert.match(optionMessage({ ...least, ...many }), /300 problems.*and 280 more$/)
    assert.equal(optionProblems({ ...least, ...many }).length, 300)
  })
})
