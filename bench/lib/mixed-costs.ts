import { burnNativeCpu } from './native-cpu.js'

/** A slow call takes as many times what another does. */
export const SLOW_FACTOR = 1000

/** The work of the record of that number: the same ones are slow in every run. */
export function burnMixed(value: Uint8Array, number: number, slowOneIn: number): void {
  const times = drawn(number) * slowOneIn < 1 ? SLOW_FACTOR : 1
  for (let time = 0; time < times; time++) burnNativeCpu(value)
}

/** From 0 to below 1, evenly. */
export function drawn(number: number): number {
  let mixed = Math.imul(number ^ (number >>> 16), 0x45d9f3b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
}
