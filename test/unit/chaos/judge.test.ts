import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type {
  Fault,
  HandledRecord,
  History,
  ProcessHistory,
  StoredClaim,
  StoredCommit,
  ThreadLedger,
} from '../../chaos/history.ts'
import { judge } from '../../chaos/judge/judge.ts'

const SETTINGS = {
  ordering: 'partition',
  threads: 1,
  partitions: 1,
  sessionMs: 2_000,
  commitIntervalMs: 500,
  stopTimeoutMs: 10_000,
  kinds: [],
  recordsPerSecond: 15,
  burst: { records: 80, everyMs: 4_000 },
} as const
const FIRST = 10n
const SECOND = 50n

function processOf(name: string, changes: Partial<ProcessHistory> = {}): ProcessHistory {
  return {
    name,
    memberId: name,
    startedMs: 0,
    told: { what: 'leave', atMs: 90_000 },
    exit: { with: 0, atMs: 90_100 },
    failedWith: null,
    sessions: [],
    errors: [],
    ...changes,
  }
}

function claimOf(memberId: string, epoch: bigint, fromMs: number, to: StoredClaim['to']): StoredClaim {
  return { partition: 0, epoch, sessionId: `session of ${memberId}`, memberId, fromMs, to }
}

function record(process: string, epoch: bigint, offset: number, startMs: number): HandledRecord {
  const key = `0-${offset}`
  return { process, threadId: 0, line: offset, epoch, partition: 0, offset, key, startMs, endMs: startMs + 3 }
}

function commit(memberId: string, zxid: bigint, offset: number, atMs: number): StoredCommit {
  return { atMs, zxid, sessionId: `session of ${memberId}`, partition: 0, offset }
}

/** Each thread wrote its records one after the other. */
function ledgersOf(handled: readonly HandledRecord[]): ThreadLedger[] {
  return [...new Set(handled.map(({ process }) => process))].map(process => ({
    process,
    threadId: 0,
    lines: handled
      .filter(one => one.process === process)
      .flatMap(one => [
        { ...one, what: 'start' as const },
        ...(one.endMs === null ? [] : [{ ...one, what: 'end' as const }]),
      ]),
  }))
}

function historyOf(changes: Partial<History> & Pick<History, 'handled' | 'claims' | 'commits'>): History {
  return {
    settings: SETTINGS,
    log: [Array.from({ length: 4 }, (_, offset) => `0-${offset}`)],
    acknowledged: [{ partition: 0, key: '0-3' }],
    ledgers: ledgersOf(changes.handled),
    faults: [],
    stalls: [],
    processes: [processOf('a'), processOf('b')],
    wholeAfterMs: 100,
    ...changes,
  }
}

const RELEASED_AT_2_000 = { atMs: 2_000, zxid: 40n, how: 'released' } as const
const ENDS = { atMs: 90_050, zxid: 90n, how: 'released' } as const

/** a handles 0 and 1 and leaves the partition to b, which handles 2 and 3. */
const handOver = {
  handled: [
    record('a', FIRST, 0, 1_000),
    record('a', FIRST, 1, 1_010),
    record('b', SECOND, 2, 2_100),
    record('b', SECOND, 3, 2_110),
  ],
  claims: [claimOf('a', FIRST, 900, RELEASED_AT_2_000), claimOf('b', SECOND, 2_050, ENDS)],
  commits: [commit('a', 40n, 2, 2_000), commit('b', 90n, 4, 90_050)],
}

/** a handles 0 to 2, of which 0 is committed, and dies; b begins again at 1. */
const takeOver = {
  handled: [
    record('a', FIRST, 0, 1_000),
    record('a', FIRST, 1, 1_400),
    { ...record('a', FIRST, 2, 1_500), endMs: null },
    ...[1, 2, 3].map(offset => record('b', SECOND, offset, 3_700 + 10 * offset)),
  ],
  claims: [
    claimOf('a', FIRST, 900, { atMs: 3_500, zxid: 45n, how: 'session-end' }),
    claimOf('b', SECOND, 3_600, ENDS),
  ],
  commits: [commit('a', 30n, 1, 1_300), commit('b', 90n, 4, 90_050)],
} as const
const KILL: Fault = {
  step: 1,
  kind: 'kill',
  target: 'a',
  fromMs: 1_502,
  toMs: null,
  unanswered: null,
  evidence: 'gone',
}
const killed = processOf('a', { told: { what: 'kill', atMs: 1_502 }, exit: { with: 'SIGKILL', atMs: 1_503 } })
const afterKill = { ...takeOver, faults: [KILL], processes: [killed, processOf('b')] }

/** a is stopped, loses its session, and goes on at 6 000. */
const FREEZE: Fault = {
  step: 1,
  kind: 'freeze-long',
  target: 'a',
  fromMs: 1_501,
  toMs: 6_000,
  unanswered: null,
  evidence: 'stopped',
}

function violationsOf(changes: Parameters<typeof historyOf>[0]): string[] {
  return judge(historyOf(changes)).map(({ rule, message }) => `${rule}: ${message}`)
}

function inRule(rule: string, changes: Parameters<typeof historyOf>[0]): string[] {
  return violationsOf(changes).filter(text => text.startsWith(`${rule}: `))
}

function assertFinds(changes: Parameters<typeof historyOf>[0], expected: RegExp): void {
  const found = violationsOf(changes)
  assert.ok(
    found.some(text => expected.test(text)),
    `${expected} is not among: ${found.join('; ')}`,
  )
}

describe('the judge of chaos runs', () => {
  it('finds nothing wrong with a hand-over', () => {
    assert.deepEqual(violationsOf(handOver), [])
  })

  it('finds nothing wrong with a take-over from a killed member that repeats what was not committed', () => {
    assert.deepEqual(violationsOf(afterKill), [])
  })

  it('finds a record that nobody handled, or nobody handled to its end', () => {
    const log = [[...historyOf(handOver).log[0]!, '0-4']]
    assertFinds({ ...handOver, log }, /^lost: 0\/4/)
    const handled = handOver.handled.map(one => (one.offset === 1 ? { ...one, endMs: null } : one))
    assertFinds({ ...handOver, handled }, /^lost: 0\/1/)
  })

  it('finds a record that was handed out as another', () => {
    const handled = handOver.handled.map(one => (one.offset === 1 ? { ...one, key: '0-7' } : one))
    assertFinds({ ...handOver, handled }, /^wrong record: a was given 0-7 as 0\/1/)
  })

  it('finds what is not committed at the end', () => {
    assertFinds(
      { ...handOver, commits: [commit('a', 40n, 2, 2_000)] },
      /^committed at the end: partition 0: 2/,
    )
  })

  it('finds a log that lost what it had acknowledged', () => {
    assertFinds({ ...handOver, acknowledged: [{ partition: 0, key: '0-9' }] }, /^the log is complete: 0-9/)
  })

  it('finds records of a claim out of order, left out, or not from the committed offset on', () => {
    const [zero, one, two, three] = handOver.handled as [HandledRecord, ...HandledRecord[]]
    assertFinds({ ...handOver, handled: [one!, zero, two!, three!] }, /^order: a, 0@10: 1 where 0 was due/)
    assertFinds({ ...handOver, handled: [zero, one!, three!] }, /^order: b, 0@50: 3 where 2 was due/)
  })

  it('finds two records of a claim in hand at once, on whichever thread', () => {
    const lines = ledgersOf(handOver.handled)[0]!.lines
    const crossed = [lines[0]!, lines[2]!, lines[1]!, lines[3]!]
    const ledgers = [{ process: 'a', threadId: 0, lines: crossed }]
    assertFinds({ ...handOver, ledgers }, /^one at a time: a, 0@10: 1 started while 0 was in hand/)
  })

  it('finds an epoch that no claim has, one of two processes, and one that begins after a later one', () => {
    assertFinds({ ...handOver, claims: [handOver.claims[0]!] }, /^epoch: 0@50: no claim/)
    const shared = handOver.handled.map(one => (one.offset === 1 ? { ...one, process: 'b' } : one))
    assertFinds({ ...handOver, handled: shared }, /^epoch: 0@10 was worked off by several processes/)
    const late = handOver.handled.map(one => (one.process === 'a' ? { ...one, startMs: 2_500 } : one))
    assertFinds({ ...handOver, handled: late }, /^epoch: partition 0: 10 began after 50/)
  })

  it('finds work after the claim has ended, begun or only not finished', () => {
    const late = { ...record('a', FIRST, 1, 2_020) }
    const [zero, , ...rest] = handOver.handled
    assertFinds(
      { ...handOver, handled: [zero!, late, ...rest] },
      /^two owners: a, 0@10: 1 started 23 ms after/,
    )
    const slow = { ...record('a', FIRST, 1, 1_010), endMs: 2_040 }
    assertFinds({ ...handOver, handled: [zero!, slow, ...rest] }, /^two owners: .* still running 40 ms after/)
  })

  it('allows a thawed member to end its record in hand and to start one, not two, and only right after the thaw', () => {
    const frozen = { ...takeOver, faults: [FREEZE] }
    const withLate = (...late: HandledRecord[]): Parameters<typeof historyOf>[0] => ({
      ...frozen,
      handled: [...takeOver.handled.filter(one => one.process === 'b' || one.offset < 2), ...late],
    })
    assert.deepEqual(violationsOf(withLate({ ...record('a', FIRST, 2, 1_500), endMs: 6_003 })), [])
    assert.deepEqual(violationsOf(withLate(record('a', FIRST, 2, 6_001))), [])
    assertFinds(
      withLate(record('a', FIRST, 2, 6_001), record('a', FIRST, 3, 6_006)),
      /^two owners: 2 records were started without a claim/,
    )
    assertFinds(withLate(record('a', FIRST, 2, 7_500)), /^two owners: a, 0@10: 2 started/)
    assertFinds({ ...withLate(record('a', FIRST, 2, 6_001)), faults: [] }, /^two owners: a, 0@10: 2 started/)
  })

  it('finds more than one start between a lost and a restored lease', () => {
    const sessions = [
      { what: 'lost', atMs: 1_000 },
      { what: 'restored', atMs: 1_100 },
    ] as const
    const processes = [processOf('a', { sessions }), processOf('b')]
    const startedAt = (first: number, second: number): Parameters<typeof historyOf>[0] => ({
      ...handOver,
      processes,
      handled: [record('a', FIRST, 0, first), record('a', FIRST, 1, second), ...handOver.handled.slice(2)],
    })
    assert.deepEqual(violationsOf(startedAt(990, 1_003)), [])
    assert.deepEqual(violationsOf(startedAt(1_003, 1_101)), [])
    assertFinds(startedAt(1_003, 1_010), /^two owners: 2 records were started without a claim: .*no lease/)
  })

  it('finds a start that comes later than at once after a lease was lost, unless the thread was stopped', () => {
    const sessions = [{ what: 'lost', atMs: 1_000 }] as const
    const startedAt = (startMs: number): Parameters<typeof historyOf>[0] => ({
      ...handOver,
      processes: [processOf('a', { sessions }), processOf('b')],
      handled: [record('a', FIRST, 0, 990), record('a', FIRST, 1, startMs), ...handOver.handled.slice(2)],
    })
    assert.deepEqual(violationsOf(startedAt(1_040)), [])
    assertFinds(startedAt(1_070), /^two owners: 0@10: 1 started 70 ms after the lease was over/)
    const thawed = { ...FREEZE, kind: 'freeze-short' as const, fromMs: 1_001, toMs: 1_300 }
    assert.deepEqual(violationsOf({ ...startedAt(1_302), faults: [thawed] }), [])
  })

  it('finds late work after a thaw that did not cost the claim, and a while after one that did', () => {
    const late = { ...record('a', FIRST, 2, 1_500), endMs: 6_003 }
    const handled = [...takeOver.handled.filter(one => one.process === 'b' || one.offset < 2), late]
    const frozen = { ...takeOver, handled, faults: [FREEZE] }
    assert.deepEqual(violationsOf(frozen), [])
    const before = { ...FREEZE, toMs: 3_400 }
    assertFinds({ ...frozen, faults: [before] }, /^two owners: a, 0@10: 2 was still running/)
    const slow = handled.map(one => (one === late ? { ...one, endMs: 6_250 } : one))
    assertFinds({ ...frozen, handled: slow }, /^two owners: a, 0@10: 2 was still running/)
  })

  it('finds a claim that is still there at the end', () => {
    const claims = [handOver.claims[0]!, { ...handOver.claims[1]!, to: null }]
    assertFinds({ ...handOver, claims }, /^claims: 0@50 of b was still there at the end/)
  })

  it('finds a partition to which nothing happened', () => {
    assertFinds({ ...handOver, acknowledged: [] }, /^presence: partition 0 had no acknowledged record/)
    const nothing = { handled: [], claims: [], commits: [], log: [[]] }
    assertFinds(nothing, /^presence: partition 0 had no handled record/)
    assertFinds(nothing, /^presence: partition 0 had no claim/)
  })

  it('finds a lane in hand on two threads at once, and lets it move between two records', () => {
    const movedAt = (startMs: number): Parameters<typeof historyOf>[0] => ({
      ...handOver,
      handled: handOver.handled.map(one => (one.offset === 1 ? { ...one, threadId: 1, startMs } : one)),
      ledgers: [],
    })
    assert.deepEqual(violationsOf(movedAt(1_003)), [])
    assertFinds(movedAt(1_002), /^one at a time: a, 0@10: 1 started on thread 1 while 0 was in hand/)
    const { handled } = movedAt(1_003)
    const otherFileFirst = [handled[1]!, handled[0]!, ...handled.slice(2)]
    assert.deepEqual(violationsOf({ ...handOver, handled: otherFileFirst, ledgers: [] }), [])
  })

  it('finds errors that no fault of the run explains', () => {
    const told = (code: string): Parameters<typeof historyOf>[0] => ({
      ...afterKill,
      processes: [killed, processOf('b', { errors: [{ code, message: 'so it is', atMs: 1_000 }] })],
    })
    assertFinds(told('ZOOKEEPER_DISCONNECTED'), /^errors: b told ZOOKEEPER_DISCONNECTED: so it is/)
    const cut = { ...KILL, kind: 'cut-zookeeper-short' as const, target: 'b', fromMs: 990, toMs: 1_001 }
    const faults = [KILL, cut]
    assert.deepEqual(inRule('errors', { ...told('ZOOKEEPER_DISCONNECTED'), faults }), [])
    for (const code of ['FOREIGN_WRITE', 'CLAIM_LOST', 'PLAN_CORRUPT', 'INTERNAL'])
      assertFinds({ ...told(code), faults }, new RegExp(`^errors: b told ${code}`))
  })

  it('finds a start once ZooKeeper has not answered for as long as a lease, of whoever was hurt', () => {
    const { handled, ...rest } = handOver
    const silenced = (kind: Fault['kind'], target: string): Parameters<typeof historyOf>[0] => {
      const fault = {
        ...FREEZE,
        kind,
        target,
        fromMs: 0,
        toMs: 3_000,
        unanswered: { fromMs: 100, toMs: 2_900 },
      }
      return { ...rest, handled, faults: [fault] }
    }
    const stopsInTime = { ...silenced('zookeeper-freeze-long', 'ZooKeeper'), handled: handled.slice(0, 2) }
    assert.deepEqual(inRule('lease', stopsInTime), [])
    assert.deepEqual(inRule('lease', silenced('cut-zookeeper-long', 'a')), [])
    for (const kind of ['zookeeper-freeze-long', 'zookeeper-stop'] as const)
      assertFinds(silenced(kind, 'ZooKeeper'), /^lease: b, 0@50: 2 started 2000 ms after/)
    assertFinds(silenced('cut-zookeeper-long', 'b'), /^lease: b, 0@50: 2 started 2000 ms after/)
    const short = {
      ...silenced('zookeeper-stop', 'ZooKeeper').faults![0]!,
      unanswered: { fromMs: 800, toMs: 2_200 },
    }
    assert.deepEqual(inRule('lease', { ...handOver, faults: [short] }), [])
  })

  it('allows a thread one start between a thaw and a new lease, whether or not the claim is gone', () => {
    const sessions = [
      { what: 'lost', atMs: 6_002 },
      { what: 'restored', atMs: 6_300 },
    ] as const
    const startedAt = (first: number, second: number): Parameters<typeof historyOf>[0] => ({
      ...handOver,
      processes: [processOf('a', { sessions }), processOf('b')],
      faults: [FREEZE],
      handled: [record('a', FIRST, 0, first), record('a', FIRST, 1, second), ...handOver.handled.slice(2)],
    })
    assert.deepEqual(inRule('lease', startedAt(1_450, 6_001)), [])
    assert.deepEqual(inRule('lease', startedAt(6_001, 6_310)), [])
    assertFinds(startedAt(6_001, 6_001), /^lease: a, thread 0: 2 records were started after the thaw at 6000/)
  })

  it('finds two claims of a partition at once', () => {
    const claims = [claimOf('a', FIRST, 900, { ...RELEASED_AT_2_000, zxid: 60n }), handOver.claims[1]!]
    assertFinds({ ...handOver, claims }, /^two owners: 0@50 was made while another was there/)
  })

  it('finds a commit that goes back', () => {
    const commits = [commit('a', 35n, 2, 1_900), commit('a', 40n, 1, 2_000), handOver.commits[1]!]
    assertFinds({ ...handOver, commits }, /^commits never go back: partition 0: 1/)
  })

  it('finds a commit beyond what is finished', () => {
    const commits = [commit('a', 30n, 2, 1_005), ...handOver.commits]
    assertFinds({ ...handOver, commits }, /^commits pass nothing unfinished: partition 0: 2/)
  })

  it('finds a commit of somebody who had no claim', () => {
    const commits = [...handOver.commits, commit('a', 95n, 4, 90_060)]
    assertFinds({ ...handOver, commits }, /^only the owner commits: partition 0: 4/)
  })

  it('finds a repeat after a release, whatever was hurt', () => {
    const handled = [...handOver.handled, record('b', SECOND, 1, 2_090)]
    assertFinds({ ...handOver, handled, faults: [KILL] }, /^repeated: 0\/1 .* its claim was released/)
  })

  it('finds a repeat after an end that no fault explains: a join, a leave and a broker explain none', () => {
    const harmless = (['join', 'leave', 'broker-stop', 'slow-zookeeper'] as const).map(kind => ({
      ...KILL,
      kind,
    }))
    assertFinds({ ...takeOver, faults: harmless }, /^repeated: 0\/1 .* no fault explains that/)
    assertFinds(
      { ...takeOver, faults: [{ ...KILL, target: 'b' }] },
      /^repeated: 0\/1 .* no fault explains that/,
    )
    assertFinds({ ...takeOver, faults: harmless }, /^sessions: a lost its session/)
  })

  it('finds a repeat of what must have been committed before the trouble began', () => {
    const faults = [{ ...KILL, fromMs: 3_000 }]
    assertFinds({ ...takeOver, faults }, /^repeated: 0\/1 .* finished 1597 ms before the trouble began/)
  })

  /** Of its claim, long after the repeated record was finished. */
  const later = commit('a', 32n, 1, 2_500)
  const withLater = (changes: Partial<StoredCommit> = {}): StoredCommit[] => [
    takeOver.commits[0],
    { ...later, ...changes },
    takeOver.commits[1],
  ]

  it('finds a repeat of what a later commit of its claim left out; what other partitions commit tells nothing of it', () => {
    assertFinds(
      { ...afterKill, commits: withLater() },
      /^repeated: 0\/1 .* finished 1097 ms before a commit of its claim/,
    )
    assert.deepEqual(inRule('repeated', { ...afterKill, commits: withLater({ partition: 1 }) }), [])
  })

  it('takes a commit for as old as the freeze of ZooKeeper that it waited for', () => {
    const freeze = { ...FREEZE, kind: 'zookeeper-freeze-long' as const, target: 'ZooKeeper', toMs: 2_480 }
    assert.deepEqual(inRule('repeated', { ...afterKill, commits: withLater(), faults: [KILL, freeze] }), [])
  })

  it('explains an end by troubles that follow each other, not by one that was long over', () => {
    const cut = { ...KILL, kind: 'cut-zookeeper-short' as const, fromMs: 1_450, toMs: 1_460 }
    assert.deepEqual(violationsOf({ ...takeOver, faults: [cut] }), [])
    const early = { ...cut, fromMs: 400, toMs: 410 }
    assertFinds({ ...takeOver, faults: [early] }, /^repeated: 0\/1 .* no fault explains that/)
    assert.deepEqual(violationsOf({ ...takeOver, faults: [early, cut] }), [])
  })

  it('explains an end by a machine that stood still for long enough to end a lease', () => {
    assert.deepEqual(violationsOf({ ...takeOver, stalls: [{ fromMs: 1_450, toMs: 2_150 }] }), [])
    assertFinds({ ...takeOver, stalls: [{ fromMs: 1_450, toMs: 1_800 }] }, /^sessions: a lost its session/)
  })

  it('finds a machine that was too busy', () => {
    const stalls = Array.from({ length: 10 }, (_, n) => ({ fromMs: 1_000 * n, toMs: 1_000 * n + 400 }))
    assert.deepEqual(violationsOf({ ...handOver, stalls }), [])
    const more = [...stalls, { fromMs: 20_000, toMs: 21_000 }]
    assertFinds({ ...handOver, stalls: more }, /^machine: the machine was too busy/)
  })

  it('takes troubles for one only as long as the process has had no lease in peace for two commit intervals', () => {
    const first = {
      ...KILL,
      kind: 'zookeeper-freeze-short' as const,
      target: 'ZooKeeper',
      fromMs: 300,
      toMs: 700,
    }
    const second = { ...KILL, kind: 'cut-zookeeper-short' as const, fromMs: 3_000, toMs: 3_100 }
    const faults = [first, second]
    assertFinds({ ...takeOver, faults }, /^repeated: 0\/1 .* before the trouble began/)
    const sessions = [
      { what: 'lost', atMs: 800 },
      { what: 'restored', atMs: 1_600 },
    ] as const
    const processes = [processOf('a', { sessions }), processOf('b')]
    assert.deepEqual(inRule('repeated', { ...takeOver, faults, processes }), [])
  })

  it('finds more repeats than can have arrived since the last certain commit', () => {
    const leaving = (count: number): Parameters<typeof historyOf>[0] => ({
      claims: [
        claimOf('a', FIRST, 900, { atMs: 22_000, zxid: 45n, how: 'session-end' }),
        claimOf('b', SECOND, 22_050, ENDS),
      ],
      commits: [commit('b', 90n, count, 90_050)],
      faults: [{ ...KILL, fromMs: 20_000 }],
      processes: [killed, processOf('b')],
      log: [Array.from({ length: count }, (_, offset) => `0-${offset}`)],
      handled: [
        ...Array.from({ length: count }, (_, n) => record('a', FIRST, n, 19_000 + 3 * n)),
        ...Array.from({ length: count }, (_, n) => record('b', SECOND, n, 23_000 + 3 * n)),
      ],
    })
    assert.deepEqual(violationsOf(leaving(130)), [])
    assertFinds(leaving(140), /^repeated: 0@10 left 140 records to be repeated, and at most 134/)
    const broker = { ...KILL, kind: 'broker-stop' as const, target: 'broker 1', fromMs: 15_000, toMs: 16_000 }
    assert.deepEqual(violationsOf({ ...leaving(140), faults: [...leaving(140).faults!, broker] }), [])
  })

  it('finds members that end by themselves, badly, late or not at all, and failed ones', () => {
    const withA = (changes: Partial<ProcessHistory>): Parameters<typeof historyOf>[0] => ({
      ...handOver,
      processes: [processOf('a', changes), processOf('b')],
    })
    assertFinds(withA({ told: null }), /^members: a ended by itself with 0/)
    assertFinds(withA({ exit: { with: 1, atMs: 90_100 } }), /^members: a was told to leave and exited with 1/)
    assertFinds(withA({ exit: { with: 0, atMs: 103_000 } }), /^members: a took 13000 ms to leave/)
    assertFinds(withA({ exit: null }), /^members: a was still running/)
    assertFinds(withA({ failedWith: 'WORKER_DIED' }), /^members: a failed with WORKER_DIED/)
  })

  it('finds a group that did not become whole', () => {
    assertFinds({ ...handOver, wholeAfterMs: null }, /^whole at the end/)
  })

  it('finds faults that left no trace or never came', () => {
    assertFinds(
      { ...afterKill, faults: [{ ...KILL, evidence: null }] },
      /^faults: step 1, kill of a, left no trace/,
    )
    assertFinds(
      { ...takeOver, faults: [{ ...FREEZE, target: 'b' }] },
      /^faults: no freeze-long took a claim from a living member/,
    )
    assertFinds(
      { ...afterKill, faults: [KILL, { ...FREEZE, fromMs: 1_400 }] },
      /^faults: no freeze-long took a claim/, // it died of something else
    )
    assert.deepEqual(inRule('faults', { ...takeOver, faults: [FREEZE] }), [])
    const settings = { ...SETTINGS, kinds: ['kill', 'join'] } as const
    assertFinds({ ...afterKill, settings }, /^faults: join was never carried out/)
  })
})
