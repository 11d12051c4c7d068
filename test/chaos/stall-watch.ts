import { atEnd, type Owner } from '../support/cleanup.ts'
import type { Stall } from './history.ts'

const LOOK_MS = 50
/** A sixth of the shortest session used here: as much as a heartbeat may be late without any harm. */
const STALL_MS = 300

/** Notes when this process had no turn for a while. On a machine that is that busy sessions end without anybody's fault. */
export class StallWatch {
  readonly stalls: Stall[] = []
  #lastMs = Date.now()

  constructor(owner: Owner) {
    const timer = setInterval(() => this.#look(), LOOK_MS)
    atEnd(owner, () => clearInterval(timer))
  }

  #look(): void {
    const nowMs = Date.now()
    if (nowMs - this.#lastMs > STALL_MS) this.stalls.push({ fromMs: this.#lastMs, toMs: nowMs })
    this.#lastMs = nowMs
  }
}
