import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Throughput } from '#src/cli/throughput.js'

describe('Throughput', () => {
  it('is 0 for the first reading', () => {
    assert.equal(new Throughput().add(100, 1_000), 0)
  })

  it('counts records per second between readings', () => {
    const throughput = new Throughput()
    throughput.add(100, 0)
    assert.equal(throughput.add(350, 500), 500)
  })

  it('forgets what is older than its window', () => {
    const throughput = new Throughput()
    for (let second = 0; second <= 10; second += 1) throughput.add(second * 1_000, second * 1_000)
    for (let second = 11; second <= 14; second += 1) throughput.add(10_000, second * 1_000)
    assert.equal(throughput.add(10_000, 15_000), 0)
  })
})
