const number = value => value.toLocaleString('en')

/** What each thread did. */
export function printThreads({ workers, handled, seconds }) {
  console.log(
    `\n${number(handled)} records in ${seconds.toFixed(1)} s (${number(Math.round(handled / seconds))} records/s)\n`,
  )
  console.log('  thread      records')
  for (const worker of workers)
    console.log(`  ${String(worker.threadId).padEnd(6)} ${number(worker.handled).padStart(12)}`)
}

/** What ZooKeeper and Kafka say of each partition afterwards. */
export function printPartitions(rows) {
  console.log('\n  partition    committed          end      lag')
  for (const { partition, committed, end, lag } of rows) {
    const cells = [
      number(committed ?? 0).padStart(12),
      number(end ?? 0).padStart(12),
      number(lag ?? 0).padStart(8),
    ]
    console.log(`  ${String(partition).padEnd(9)} ${cells.join(' ')}`)
  }
  console.log('')
}

/** What ZooKeeper and Kafka say in one sentence; throws when that is not what has to be so. */
export function conclusion({ rows, handled, records, isInterrupted }) {
  const total = name => rows.reduce((sum, row) => sum + (row[name] ?? 0), 0)
  const committed = total('committed')
  const lag = total('lag')
  if (committed !== handled)
    throw new Error(`${number(handled)} records were handled, but ${number(committed)} are committed`)
  if (isInterrupted && lag > 0)
    return `Interrupted: all ${number(handled)} records handled are committed, ${number(lag)} are left.`
  if (lag !== 0 || handled !== records)
    throw new Error(
      `expected ${number(records)} records and lag 0, got ${number(handled)} and ${number(lag)}`,
    )
  return `Read back from ZooKeeper: every partition committed to its end, lag ${lag}.`
}
