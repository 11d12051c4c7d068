import type { ProcessDeath } from '#src/coordinator/progress/progress.js'

/** Of so many processes, each with another name; `alone`: what ran alone in each of them. */
export function processDeaths(count: number, alone: number | null = null): ProcessDeath[] {
  return Array.from({ length: count }, (_, index) => ({ process: `dead ${index}`, alone }))
}
