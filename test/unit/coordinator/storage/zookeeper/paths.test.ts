import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  brokerIdsPath,
  GroupPaths,
  partitionOf,
  withAncestors,
} from '#src/coordinator/storage/zookeeper/paths.js'

describe('paths of the classic layout', () => {
  it('are below the chroot', () => {
    const paths = new GroupPaths('/kafka/dev', 'thumbnails')
    assert.equal(paths.id('m-1'), '/kafka/dev/consumers/thumbnails/ids/m-1')
    assert.equal(paths.owner({ topic: 't', partition: 3 }), '/kafka/dev/consumers/thumbnails/owners/t/3')
    assert.equal(paths.offset({ topic: 't', partition: 3 }), '/kafka/dev/consumers/thumbnails/offsets/t/3')
    assert.equal(paths.progress({ topic: 't', partition: 3 }), '/kafka/dev/consumers/thumbnails/progress/t/3')
    assert.equal(brokerIdsPath('/kafka/dev'), '/kafka/dev/brokers/ids')
    assert.equal(brokerIdsPath(''), '/brokers/ids')
  })

  it('list each parent once and after the one above it', () => {
    const parents = new GroupPaths('/c', 'g').parents(['a', 'b'])
    assert.deepEqual(parents, [
      '/c',
      '/c/consumers',
      '/c/consumers/g',
      '/c/consumers/g/ids',
      '/c/consumers/g/owners',
      '/c/consumers/g/owners/a',
      '/c/consumers/g/offsets',
      '/c/consumers/g/offsets/a',
      '/c/consumers/g/progress',
      '/c/consumers/g/progress/a',
      '/c/consumers/g/owners/b',
      '/c/consumers/g/offsets/b',
      '/c/consumers/g/progress/b',
    ])
    assert.deepEqual(withAncestors('/a/b'), ['/a', '/a/b'])
  })

  it('take only whole decimal names for partitions', () => {
    assert.deepEqual(['0', '17', '007', '-1', 'x', '1.0', ''].map(partitionOf), [
      0,
      17,
      null,
      null,
      null,
      null,
      null,
    ])
  })
})
