export type Kind = 'ok' | 'fail' | 'twice' | 'kill' | 'block'

/** Of each thousand records: ten fail always, ten fail twice, one ends its thread, one blocks it for ever. */
export function kindOf(number: number): Kind {
  const place = number % 1000
  if (place === 501) return 'kill'
  if (place === 777) return 'block'
  if (place % 100 === 13) return 'fail'
  return place % 100 === 57 ? 'twice' : 'ok'
}

export function countOf(kind: Kind, records: number): number {
  let count = 0
  for (let number = 0; number < records; number++) if (kindOf(number) === kind) count++
  return count
}
