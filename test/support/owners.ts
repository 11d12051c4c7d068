import { eventually } from './eventually.ts'
import type { ZooKeeperView } from './zookeeper.ts'

/** Processes may take seconds to start on a busy machine. */
const DEADLINE_MS = 40_000

/** What the owner nodes of a topic say, by partition; null where there is none. */
export async function readOwners(
  view: ZooKeeperView,
  groupId: string,
  topic: string,
  partitions: number,
): Promise<(string | null)[]> {
  const path = `/consumers/${groupId}/owners/${topic}`
  const nodes = Array.from({ length: partitions }, (_, partition) => view.read(`${path}/${partition}`))
  return (await Promise.all(nodes)).map(node => node?.text ?? null)
}

/** Resolves when the owner nodes of partitions 0, 1, … say exactly this. */
export async function eventuallyOwned(
  view: ZooKeeperView,
  groupId: string,
  topic: string,
  expected: readonly string[],
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  let last: readonly (string | null)[] = []
  await eventually(
    async () => {
      last = await readOwners(view, groupId, topic, expected.length)
      return last.join() === expected.join()
    },
    { deadlineMs, message: () => `owned by ${last.join()}, not by ${expected.join()}` },
  )
}

/** The same by the first letters of the owners, one after the other: a regular expression. */
export async function eventuallyOwnedBy(
  view: ZooKeeperView,
  { groupId, topic, letters }: { groupId: string; topic: string; letters: string },
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const partitions = (await view.list(`/brokers/topics/${topic}/partitions`)).length
  let last = ''
  await eventually(
    async () => {
      const owners = await readOwners(view, groupId, topic, partitions)
      last = owners.map(owner => owner?.slice(0, 1) ?? '-').join('')
      return new RegExp(`^${letters}$`).test(last)
    },
    { deadlineMs, message: () => `owned by ${last}, not by ${letters}` },
  )
}
