import { pbkdf2Sync } from 'node:crypto'

const ITERATIONS = 'KWG_BENCH_ITERATIONS'
const SAMPLE_CALLS = 2000
const SAMPLES = { few: 1, many: 250 }

/** Chooses once, for this process and all it starts, how often to iterate so that a call takes that long on this machine. */
export function calibrateNativeCpu(callUs: number): void {
  const few = callTimeUs(SAMPLES.few)
  const iterationUs = (callTimeUs(SAMPLES.many) - few) / (SAMPLES.many - SAMPLES.few)
  process.env[ITERATIONS] = String(Math.max(1, Math.round(SAMPLES.few + (callUs - few) / iterationUs)))
}

function callTimeUs(count: number): number {
  const value = Buffer.alloc(100, 7)
  const startedMs = performance.now()
  for (let i = 0; i < SAMPLE_CALLS; i++) burn(value, count)
  return ((performance.now() - startedMs) * 1000) / SAMPLE_CALLS
}

const iterations = Number(process.env[ITERATIONS] ?? SAMPLES.many)

export function burnNativeCpu(value: Uint8Array): void {
  burn(value, iterations)
}

function burn(value: Uint8Array, count: number): void {
  pbkdf2Sync(value, 'salt', count, 32, 'sha256')
}
