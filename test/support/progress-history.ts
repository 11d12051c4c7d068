import assert from 'node:assert/strict'
import { lanesOfClaim } from '#src/coordinator/progress/claim-lanes.js'
import { claimedBy, normally } from '#src/coordinator/progress/open-claim.js'
import { decodeProgress, encodeProgress } from '#src/coordinator/progress/progress-format.js'
import { committableOf, levelOf, progressAt, type Progress } from '#src/coordinator/progress/progress.js'
import type { LaneSettings } from '#src/shared/ordering.js'
import { LanesModel, type ModelRecord, type ModelSlot } from './lanes-model.ts'

export type SlotStep = 'take' | 'start' | 'finish' | 'fail' | 'retry'

export type HistoryStep =
  | { readonly do: 'feed' | 'begin' | SlotStep; readonly which: number }
  | { readonly do: 'publish' | 'die' | 'level' | 'commit' }
  | { readonly do: 'crash' | 'move'; readonly own: LaneSettings }

const STATE_BEFORE = {
  take: 'taking',
  start: 'ready',
  finish: 'running',
  fail: 'running',
  retry: 'retry',
} as const

/** Among the names of keys. */
const WHOLE_PARTITION = ''

/**
 * Claims of a partition, one after the other, by members with any settings. Each step is checked: what is committed says of no
 * record that it is finished unless it is, no record runs again that a commit said was finished, and within a claim those that
 * have an order to keep keep it.
 */
export class ProgressHistory {
  readonly #log: readonly ModelRecord[]
  readonly #finished = new Set<number>()
  /** Those that this claim has finished, and that it was told are finished. */
  #known = new Set<number>()
  /** The two nodes. */
  #stored = { offset: 0, progress: encodeProgress(progressAt(0, null)) }
  #saidFinished = new Set<number>()
  #claims = 0
  #own: LaneSettings
  #lanes!: LanesModel
  /** By key: the last that was started in this claim; while its order is that of the partition also WHOLE_PARTITION. */
  #last = new Map<string, { readonly offset: number; isFinished: boolean }>()
  /** Of what was in hand at the last commit. */
  #attempts = new Map<number, number>()

  constructor(log: readonly ModelRecord[], own: LaneSettings) {
    this.#log = log
    this.#own = own
    this.#claim(own)
  }

  step(step: HistoryStep): void {
    if ('which' in step) this.#stepOfRecords(step.do, step.which)
    else if (step.do === 'crash') this.#claim(step.own)
    else if (step.do === 'move') this.#move(step.own)
    else if (step.do === 'publish') this.#lanes.publish()
    else if (step.do === 'die') this.#lanes.die()
    else if (step.do === 'level') this.#goOnWithOwn()
    else this.#commit(normally(this.#process))
  }

  /** Goes on without any trouble: in the end nothing is left. */
  runToTheEnd(): void {
    const end = this.#log.at(-1)!.offset + 1
    for (let round = 0; this.#stored.offset < end || this.#lanes.levelAt !== null; round += 1) {
      assert.ok(round < 10 * this.#log.length, 'it does not get to the end')
      while (this.#lanes.feed());
      this.#lanes.publish()
      for (let lane = 0; lane < this.#lanes.settings.lanes; lane += 1) this.#lanes.beginTaking(lane)
      for (const what of ['take', 'retry', 'start', 'finish'] as const)
        for (let count = this.#lanes.slots.length; count > 0; count -= 1) this.#stepOfSlot(what, 0)
      this.#goOnWithOwn()
      this.#commit(normally(this.#process))
    }
    assert.equal(this.#finished.size, this.#log.length, 'records were lost')
    assert.deepEqual(this.#lanes.settings, this.#own)
  }

  get #process(): string {
    return `process ${this.#claims}`
  }

  #claim(own: LaneSettings): void {
    this.#claims += 1
    this.#own = own
    const { offset, progress } = this.#stored
    const stored = claimedBy(decodeProgress(progress, '/progress'), this.#process)
    this.#lanes = new LanesModel(this.#log, lanesOfClaim(stored, own, offset))
    this.#known = new Set(this.#saidFinished)
    this.#last.clear()
  }

  /** A clean one: what runs is finished, what waits is left in hand, and nothing is repeated. */
  #move(own: LaneSettings): void {
    this.#drain()
    this.#commit(null)
    this.#claim(own)
  }

  #drain(): void {
    this.#lanes.die() // what has not been taken is left in its lane; what ran is finished here
    for (const slot of this.#lanes.slots.filter(({ state }) => state === 'ready')) {
      this.#start(slot)
      this.#finish(slot)
    }
  }

  /** Within the claim, once all its lanes have met. */
  #goOnWithOwn(): void {
    const { levelAt } = this.#lanes
    if (levelAt === null || levelOf(this.#lanes.read()) === null) return
    assert.equal(levelOf(this.#lanes.read()), levelAt)
    this.#drain()
    const progress = this.#progress(normally(this.#process))
    this.#lanes = new LanesModel(this.#log, lanesOfClaim(progress, this.#own, committableOf(progress)))
    assert.equal(this.#lanes.levelAt, null)
    this.#last.delete(WHOLE_PARTITION)
  }

  #progress(open: Progress['open']): Progress {
    const { ordering, hash } = this.#lanes.settings
    return { topicId: null, ordering, hash, ...this.#lanes.read(), open }
  }

  #commit(open: Progress['open']): void {
    const progress = this.#progress(open)
    const offset = committableOf(progress)
    assert.ok(offset >= this.#stored.offset, 'the committed offset went back')
    this.#stored = { offset, progress: encodeProgress(progress) }
    this.#attempts = new Map(progress.inHand.map(one => [one.offset, one.attempts]))
    const said = this.#log.filter(one => this.#isSaidFinished(one, progress)).map(one => one.offset)
    const before = this.#saidFinished
    this.#saidFinished = new Set(said)
    assert.deepEqual(
      said.filter(one => !this.#known.has(one)),
      [],
      'said to be finished, and not',
    )
    assert.deepEqual(
      [...before].filter(one => !this.#saidFinished.has(one)),
      [],
      'no longer said to be finished',
    )
    const hidden = [...this.#known].filter(one => !this.#saidFinished.has(one))
    assert.deepEqual(hidden, [], 'finished, and not said to be')
  }

  #isSaidFinished(record: ModelRecord, { frontiers, inHand }: Progress): boolean {
    if (record.offset >= frontiers[this.#lanes.laneOf(record)]!) return false
    return !inHand.some(({ offset }) => offset === record.offset)
  }

  #stepOfRecords(what: 'feed' | 'begin' | SlotStep, which: number): void {
    if (what === 'feed') for (let count = 0; count <= which % 4; count += 1) this.#lanes.feed()
    else if (what === 'begin') this.#lanes.beginTaking(which % this.#lanes.settings.lanes)
    else this.#stepOfSlot(what, which)
  }

  #stepOfSlot(what: SlotStep, which: number): void {
    const slots = this.#lanes.slots.filter(({ state }) => state === STATE_BEFORE[what])
    const slot = slots[which % slots.length]
    if (slot === undefined) return
    if (what === 'take') this.#lanes.take(slot)
    else if (what === 'start') this.#start(slot)
    else if (what === 'finish') this.#finish(slot)
    else if (what === 'retry') slot.state = 'ready'
    else {
      slot.attempts += 1
      slot.state = 'retry'
    }
  }

  #start(slot: ModelSlot): void {
    const { offset, key } = slot.record
    assert.ok(!this.#saidFinished.has(offset), `${offset} runs again, and was committed`)
    assert.ok(slot.attempts >= (this.#attempts.get(offset) ?? 0), `attempts of ${offset} were forgotten`)
    slot.state = 'running'
    const { ordering } = this.#lanes.settings
    if (ordering === 'none' || (ordering === 'key' && key === null)) return
    this.#assertInOrder(ordering === 'key' ? key! : WHOLE_PARTITION, offset)
    for (const name of [key, WHOLE_PARTITION])
      if (name !== null) this.#last.set(name, { offset, isFinished: false })
  }

  #assertInOrder(name: string, offset: number): void {
    const last = this.#last.get(name)
    if (last === undefined) return
    assert.ok(last.offset <= offset, `${offset} runs behind ${last.offset} of ${name}`)
    assert.ok(last.offset === offset || last.isFinished, `${offset} runs before ${last.offset} is finished`)
  }

  #finish(slot: ModelSlot): void {
    const { offset, key } = slot.record
    this.#lanes.finish(slot)
    this.#finished.add(offset)
    this.#known.add(offset)
    for (const name of [key, WHOLE_PARTITION]) {
      const last = name === null ? undefined : this.#last.get(name)
      if (last?.offset === offset) last.isFinished = true
    }
  }
}
