import type { History, Violation } from '../history.ts'

/** Guarantee 1: every record of the log was handled to its end, by somebody, and what was handled is what the log has. */
export function losses(history: History): Violation[] {
  return [...unhandled(history), ...wrongRecords(history), ...uncommitted(history), ...unlogged(history)]
}

function unhandled({ log, handled }: History): Violation[] {
  const finished = new Set(
    handled.filter(({ endMs }) => endMs !== null).map(({ partition, offset }) => `${partition}/${offset}`),
  )
  return log.flatMap((keys, partition) =>
    [...keys.keys()]
      .filter(offset => !finished.has(`${partition}/${offset}`))
      .map(offset => ({ rule: 'lost', message: `${partition}/${offset} was never handled to its end` })),
  )
}

function wrongRecords({ log, handled }: History): Violation[] {
  return handled
    .filter(({ partition, offset, key }) => log[partition]?.[offset] !== key)
    .map(({ partition, offset, key, process }) => ({
      rule: 'wrong record',
      message: `${process} was given ${key} as ${partition}/${offset}, and the log has ${log[partition]?.[offset]}`,
    }))
}

/** After the last graceful stop everything is committed. */
function uncommitted({ log, commits }: History): Violation[] {
  return log.flatMap(({ length: end }, partition) => {
    const last = commits.findLast(commit => commit.partition === partition)?.offset ?? 0
    if (last === end) return []
    return [
      {
        rule: 'committed at the end',
        message: `partition ${partition}: ${last}, and the log ends at ${end}`,
      },
    ]
  })
}

/** Not the group's doing, but then nothing else can be believed: the log lost what it had acknowledged. */
function unlogged({ log, acknowledged }: History): Violation[] {
  const present = log.map(keys => new Set(keys))
  return acknowledged
    .filter(({ partition, key }) => present[partition]?.has(key) !== true)
    .map(({ key }) => ({
      rule: 'the log is complete',
      message: `${key} was acknowledged and is not in the log`,
    }))
}
