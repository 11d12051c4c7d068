import { drawn } from './mixed-costs.js'

/** Numbers of keys from 0 on, of which the one of rank r comes 1/r as often as the first (s = 1). */
export function zipfKeys(records: number, keys: number): number[] {
  const sums: number[] = []
  for (let rank = 1; rank <= keys; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank)
  const total = sums.at(-1)!
  return Array.from({ length: records }, (_, number) => firstAbove(sums, drawn(number) * total))
}

/** How many have the key that most have. */
export function hottest(keys: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return Math.max(...counts.values())
}

function firstAbove(sums: readonly number[], sought: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! > sought) high = middle
    else low = middle + 1
  }
  return low
}
