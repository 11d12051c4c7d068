import { eventually } from './eventually.ts'
import { endOffsets, produce } from './kafka.ts'
import type { Ledger } from './ledger.ts'
import type { PeerProcess } from './peer-process.ts'

/** Processes may take seconds to start on a busy machine. */
const DEADLINE_MS = 40_000

/** As many records into each partition. */
export async function burst(topic: string, partitions: number, each: number): Promise<void> {
  const messages = Array.from({ length: partitions * each }, (_, n) => ({
    partition: n % partitions,
    value: 'v',
  }))
  await produce(topic, messages)
}

/** Every record that there is was handled by one of us or one of them. */
export async function allHandled(
  topic: string,
  ledger: Ledger,
  peers: readonly PeerProcess[],
): Promise<void> {
  const ends = await endOffsets(topic)
  const records = ends.reduce((sum, end) => sum + end, 0)
  const handled = (): number => {
    const entries = [...ledger.read(), ...peers.flatMap(peer => peer.records)]
    return new Set(entries.map(({ partition, offset }) => `${partition}/${offset}`)).size
  }
  await eventually(() => handled() === records, {
    deadlineMs: DEADLINE_MS,
    message: () => `${handled()} of ${records}`,
  })
}
