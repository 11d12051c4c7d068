import { runGroup, type Group, type GroupError, type RunGroupOptions } from '#src/index.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd, type Owner } from './cleanup.js'
import { eventually } from './eventually.js'

/** A member in this process; stopped when the test ends. */
export async function runMember(t: Owner, handler: URL, options: RunGroupOptions): Promise<Group> {
  const group = await runGroup(handler, {
    logger: silentLogger,
    threads: 2,
    offsetReset: 'earliest',
    ...options,
  })
  atEnd(t, () => group.stop())
  return group
}

/** Partitions that a member in this process works off, by number; of all topics unless one is named. */
export function running(group: Group, topic?: string): number[] {
  return group
    .status()
    .partitions.filter(one => one.state === 'running' && one.topic === (topic ?? one.topic))
    .map(one => one.partition)
    .sort((a, b) => a - b)
}

/** Grows with the error events of the group, without those that only tell how busy this machine is. */
export function errorsOf(group: Group): readonly GroupError[] {
  const errors: GroupError[] = []
  group.on('error', error => {
    if (error.code !== 'EVENT_LOOP_BLOCKED') errors.push(error)
  })
  return errors
}

/** Resolves when the group has handled `count` records; rejects early with the first error event. */
export async function handled(group: Group, count: number, deadlineMs = 60_000): Promise<void> {
  let failure: Error | null = null
  const onError = (error: Error): void => {
    failure ??= error
  }
  group.on('error', onError)
  try {
    await eventually(
      () => {
        if (failure !== null) throw failure
        return group.status().handled >= count
      },
      { deadlineMs, message: () => `handled ${group.status().handled} of ${count}` },
    )
  } finally {
    group.off('error', onError)
  }
}
