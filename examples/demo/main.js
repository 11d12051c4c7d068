// The whole path in one command: real ZooKeeper and Kafka in a temporary directory, 50,000 records over 8 partitions,
// a CPU-heavy handler on all cores, and what came of it.
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describeGroup, runGroup } from 'kafka-worker-group'
import { stopOnSignals } from '../../dist/cli/signals.js'
import { startStack } from '../../dist/stack/start-stack.js'
import { silentLogger } from '../../dist/shared/logger.js'
import { fillTopic } from './producer.js'
import { showProgress } from './progress.js'
import { conclusion, printPartitions, printThreads } from './report.js'

const GROUP = 'demo'
const TOPIC = 'uploads'
const PARTITIONS = 8
const RECORDS = 50_000
const HANDLER = fileURLToPath(new URL('../thumbnails.js', import.meta.url))

const interrupted = new AbortController()
stopOnSignals(() => interrupted.abort())

function say(text) {
  console.log(text)
}

async function consume(stack) {
  const group = await runGroup(HANDLER, {
    groupId: GROUP,
    topics: [TOPIC],
    zookeeper: stack.zookeeper,
    offsetReset: 'earliest',
    logger: silentLogger,
  })
  try {
    const startedMs = performance.now()
    await showProgress(group, RECORDS, interrupted.signal)
    const seconds = (performance.now() - startedMs) / 1000
    await group.stop()
    const { workers, handled } = group.status() // with what was finished while it stopped
    return { workers, handled, seconds }
  } finally {
    await group.stop()
  }
}

say('Starting ZooKeeper and Kafka in a temporary directory …')
const stack = await startStack({ onProgress: say })
try {
  say(`ZooKeeper at ${stack.zookeeper}, Kafka at ${stack.brokers.join(', ')}`)
  say(`Producing ${RECORDS.toLocaleString('en')} records over ${PARTITIONS} partitions …`)
  await fillTopic(stack.brokers, TOPIC, PARTITIONS, RECORDS)
  say(`Handling them with ${HANDLER.split('/').slice(-2).join('/')} on ${availableParallelism()} threads …`)
  const result = await consume(stack)
  printThreads(result)
  const { partitions: rows } = await describeGroup({
    groupId: GROUP,
    zookeeper: stack.zookeeper,
    logger: silentLogger,
  })
  printPartitions(rows)
  say(
    conclusion({
      rows,
      handled: result.handled,
      records: RECORDS,
      isInterrupted: interrupted.signal.aborted,
    }),
  )
} finally {
  await stack.stop()
  say('Stopped ZooKeeper and Kafka; nothing is left behind.')
}
