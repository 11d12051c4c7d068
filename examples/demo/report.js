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
