import type { History, Violation } from '../history.ts'

/** A run in which nothing happened to a partition proves nothing about it. */
export function partitionsWithout({ settings, acknowledged, handled, claims }: History): Violation[] {
  const seen = {
    'acknowledged record': new Set(acknowledged.map(({ partition }) => partition)),
    'handled record': new Set(handled.map(({ partition }) => partition)),
    claim: new Set(claims.map(({ partition }) => partition)),
  }
  return Object.entries(seen).flatMap(([what, partitions]) =>
    Array.from({ length: settings.partitions }, (_, partition) => partition)
      .filter(partition => !partitions.has(partition))
      .map(partition => ({ rule: 'presence', message: `partition ${partition} had no ${what}` })),
  )
}
