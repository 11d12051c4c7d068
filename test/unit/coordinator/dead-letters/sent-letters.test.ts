import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SentLetters } from '#src/coordinator/dead-letters/sent-letters.js'

const lane = { topic: 't', partition: 1, epoch: 5n, lane: 0 }

class Sender {
  count = 0
  failure: Error | null = null

  readonly send = (): Promise<void> => {
    this.count += 1
    return this.failure === null ? Promise.resolve() : Promise.reject(this.failure)
  }
}

describe('a letter', () => {
  it('is sent once, however many threads ask for it under one claim', async () => {
    const letters = new SentLetters()
    const sender = new Sender()
    await Promise.all([1, 2, 3].map(() => letters.once({ lane, offset: 7 }, sender.send)))
    await letters.once({ lane, offset: 7 }, sender.send)
    assert.equal(sender.count, 1)
  })

  it('is another one for another offset, claim or partition, and the same when the claim goes on with other lanes', async () => {
    const letters = new SentLetters()
    const sender = new Sender()
    await letters.once({ lane, offset: 7 }, sender.send)
    await letters.once({ lane, offset: 8 }, sender.send)
    await letters.once({ lane: { ...lane, epoch: 6n }, offset: 8 }, sender.send)
    await letters.once({ lane: { ...lane, partition: 2 }, offset: 8 }, sender.send)
    assert.equal(sender.count, 4)
    await letters.once({ lane: { ...lane, partition: 2, lane: 1 }, offset: 8 }, sender.send)
    assert.equal(sender.count, 4)
  })

  it('is the same again when others were asked for since: many of a ring are on their way at once', async () => {
    const letters = new SentLetters()
    const sender = new Sender()
    const all = Array.from({ length: 1_000 }, (_, offset) => offset)
    for (let time = 1; time <= 2; time += 1)
      await Promise.all(all.map(offset => letters.once({ lane, offset }, sender.send)))
    assert.equal(sender.count, all.length)
  })

  it('that comes late, of an earlier claim, is sent and takes nothing from the present one', async () => {
    const letters = new SentLetters()
    const sender = new Sender()
    await letters.once({ lane: { ...lane, epoch: 6n }, offset: 7 }, sender.send)
    await letters.once({ lane, offset: 7 }, sender.send)
    assert.equal(sender.count, 2)
    await letters.once({ lane: { ...lane, epoch: 6n }, offset: 7 }, sender.send)
    assert.equal(sender.count, 2)
  })

  it('is forgotten when its claim is over, and no other partition with it', async () => {
    const letters = new SentLetters()
    const sender = new Sender()
    const other = { ...lane, partition: 2 }
    for (const of of [lane, other]) await letters.once({ lane: of, offset: 7 }, sender.send)
    letters.forget(lane)
    await letters.once({ lane: other, offset: 7 }, sender.send)
    assert.equal(sender.count, 2)
    await letters.once({ lane, offset: 7 }, sender.send)
    assert.equal(sender.count, 3)
  })

  it('is sent again when it failed before', async () => {
    const letters = new SentLetters()
    const sender = new Sender()
    sender.failure = new Error('no broker')
    await assert.rejects(letters.once({ lane, offset: 7 }, sender.send), sender.failure)
    sender.failure = null
    await letters.once({ lane, offset: 7 }, sender.send)
    assert.equal(sender.count, 2)
  })
})
