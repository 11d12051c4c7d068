import type { Group } from '#src/index.js'

/** The status of a group in JSON, for messages of failed tests. */
export function statusText(group: Pick<Group, 'status'>): string {
  return JSON.stringify(group.status(), (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}
