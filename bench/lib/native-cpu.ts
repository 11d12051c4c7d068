import { pbkdf2Sync } from 'node:crypto'

const ITERATIONS = 'KWG_BENCH_ITERATIONS'
const SAMPLE = { calls: 2000, iterations: 250 }

/** Chooses once, for this process and all it starts, how often to iterate so that a call takes that long on this machine. */
export function calibrateNativeCpu(callUs: number): void {
  const value = Buffer.alloc(100, 7)
  const startedMs = performance.now()
  for (let i = 0; i < SAMPLE.calls; i++) burn(value, SAMPLE.iterations)
  const sampleUs = ((performance.now() - startedMs) * 1000) / SAMPLE.calls
  process.env[ITERATIONS] = String(Math.round((SAMPLE.iterations * callUs) / sampleUs))
}

const iterations = Number(process.env[ITERATIONS] ?? SAMPLE.iterations)

export function burnNativeCpu(value: Uint8Array): void {
  burn(value, iterations)
}

function burn(value: Uint8Array, count: number): void {
  pbkdf2Sync(value, 'salt', count, 32, 'sha256')
}
