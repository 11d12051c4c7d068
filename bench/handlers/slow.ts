import { setTimeout as sleep } from 'node:timers/promises'

const HANDLING_MS = 20

export default async function handle(): Promise<void> {
  await sleep(HANDLING_MS)
}
