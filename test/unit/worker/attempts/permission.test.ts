import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { deferred, type Deferred } from '#src/shared/deferred.js'
import { Permission, type PermissionParts } from '#src/worker/attempts/permission.js'

const NOT_ALONE = { aloneFrom: 0, aloneBelow: 0 }

describe('the permission of a lane', () => {
  let nowMs = 0
  let log: string[]
  let answers: Deferred<boolean>[]

  beforeEach(() => {
    nowMs = 1_000
    mock.method(performance, 'now', () => nowMs)
    log = []
    answers = []
  })

  afterEach(() => mock.restoreAll())

  function create(careful: PermissionParts['careful'], end = 1_000_000): Permission {
    return new Permission({
      careful,
      highWatermark: () => end,
      announce: ({ from, to, isAlone, ranMs }) => {
        log.push(`${from}-${to}${isAlone ? ' alone' : ''} after ${ranMs}`)
        answers.push(deferred())
        return answers.at(-1)!.promise
      },
      aloneOver: runsOn => void log.push(runsOn ? 'runs on' : 'over'),
      changed: () => void log.push('changed'),
    })
  }

  async function answer(isOver = false): Promise<void> {
    answers.at(-1)!.resolve(isOver)
    await nextTurn()
  }

  /** Runs all that may run, `ms` each, and asks for the next. */
  async function run(permission: Permission, ms: number): Promise<void> {
    await answer()
    permission.begin()
    const { below } = permission
    const last = log.filter(line => line !== 'changed' && line !== 'over').at(-1)!
    nowMs += (below - Number.parseInt(last)) * ms
    assert.equal(permission.covers(below, below + 1), false)
  }

  it('is unlimited where no process has died', () => {
    const permission = create(null)
    assert.deepEqual(
      [permission.below, permission.batchAt(5), permission.covers(5, 6)],
      [Infinity, Infinity, true],
    )
    assert.deepEqual(log, [])
  })

  it('is asked for once, before the first record, and told', async () => {
    const permission = create(NOT_ALONE)
    assert.equal(permission.covers(7, 8), false)
    assert.equal(permission.covers(7, 8), false)
    assert.equal(permission.waitsFor, 'announce')
    assert.deepEqual(log, ['7-8 after 0'])
    await answer()
    assert.deepEqual([permission.covers(7, 8), permission.waitsFor], [true, ''])
    assert.deepEqual(log, ['7-8 after 0', 'changed'])
  })

  it('grows to about what its commit is worth, and no further', async () => {
    const permission = create(NOT_ALONE)
    permission.covers(0, 1)
    for (let window = 0; window < 4; window += 1) await run(permission, 0.125)
    const windows = log.filter(line => line !== 'changed')
    assert.deepEqual(windows.slice(0, 3), ['0-1 after 0', '1-9 after 0.125', '9-73 after 1'])
    assert.deepEqual(windows.slice(3), ['73-273 after 8', '273-473 after 25'])
    await run(permission, 10)
    await run(permission, 10)
    assert.equal(log.at(-1), '475-477 after 20')
  })

  it('ends at the end of the partition, as far as that is known', async () => {
    const permission = create(NOT_ALONE, 3)
    permission.covers(0, 1)
    await run(permission, 0)
    assert.equal(log.at(-1), '1-2 after 0', 'nothing has been measured')
    await run(permission, 0.125)
    assert.equal(log.at(-1), '2-3 after 0.125')
    await run(permission, 0.125)
    assert.equal(log.at(-1), '3-4 after 0.125', 'what is met is there')
  })

  it('counts no time in which there was nothing to run', async () => {
    const permission = create(NOT_ALONE)
    permission.covers(0, 1)
    await answer()
    permission.begin()
    nowMs += 2
    permission.pause()
    nowMs += 60_000
    permission.begin()
    nowMs += 3
    permission.covers(1, 2)
    assert.equal(log.at(-1), '1-6 after 5')
  })

  it('is for one record alone where one of several may have killed its process, and up to there for others', async () => {
    const permission = create({ aloneFrom: 3, aloneBelow: 5 })
    permission.covers(0, 1)
    await run(permission, 0.25)
    assert.equal(log.at(-1), '1-3 after 0.25')
    assert.deepEqual([permission.batchAt(3), permission.batchAt(2)], [1, 1])
    await run(permission, 0.25)
    assert.equal(log.at(-1), '3-4 alone after 0.5')
    assert.equal(permission.waitsFor, 'alone')
    await answer()
    assert.deepEqual([permission.isAlone, permission.below], [true, 4])
    assert.equal(permission.covers(4, 5), false)
    assert.deepEqual(log.slice(-2), ['over', '4-5 alone after 0'])
    await answer()
    permission.endAlone()
    permission.endAlone()
    assert.deepEqual([log.at(-1), permission.isAlone], ['over', false])
    assert.equal(permission.covers(4, 5), false, 'the next attempt is asked for, too')
    assert.equal(log.at(-1), '4-5 alone after 0')
    await answer()
    permission.covers(5, 6)
    assert.deepEqual(log.slice(-2), ['over', '5-21 after 0'])
  })

  it('is asked for one record beside others, as for a window', async () => {
    const permission = create({ aloneFrom: 3, aloneBelow: 5 })
    permission.covers(9, 10)
    await run(permission, 0.25)
    await answer()
    permission.ask(3, 4, false, true)
    assert.equal(log.at(-1), '3-4 after 0')
    await answer()
    assert.deepEqual([permission.from, permission.below, permission.isAlone], [3, 4, false])
    permission.ask(6, 7, false)
    assert.equal(log.at(-1), '6-14 after 0', 'as much as fits')
  })

  it('is given up by one that runs on, and counts no time in which it hangs', async () => {
    const permission = create({ aloneFrom: 3, aloneBelow: 5 })
    permission.covers(3, 4)
    await answer()
    permission.begin()
    nowMs += 5_000
    permission.discount()
    permission.endAlone(true)
    assert.deepEqual([log.at(-1), permission.isAlone, permission.below], ['runs on', false, 0])
    permission.ask(6, 7, false)
    assert.equal(log.at(-1), '6-7 after 0')
  })

  it('covers a whole batch, or none of it', async () => {
    const permission = create(NOT_ALONE)
    assert.equal(permission.covers(0, 10), false)
    await answer()
    assert.deepEqual([permission.covers(0, 10), permission.covers(5, 11)], [true, false])
  })

  it('is unlimited from when the coordinator says so', async () => {
    const permission = create({ aloneFrom: 0, aloneBelow: Infinity })
    permission.covers(0, 1)
    await answer(true)
    assert.deepEqual(
      [permission.below, permission.isAlone, permission.batchAt(9)],
      [Infinity, false, Infinity],
    )
  })

  it('waits for ever where the lane is being ended', async () => {
    const permission = create(NOT_ALONE)
    permission.covers(0, 1)
    answers[0]!.reject(new Error('given up'))
    await nextTurn()
    assert.deepEqual([permission.covers(0, 1), permission.waitsFor], [false, 'announce'])
  })
})
