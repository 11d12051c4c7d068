import { isProgressNotStored } from '../coordinator/coordinator-errors.ts'
import type { Group } from '../group.ts'
import type { GroupError } from '../shared/errors.ts'

/**
 * Whether a stop left anything undone. `group.finished` resolves after every stop that was asked for: that handlers were
 * cut, or that the storage did not take what was finished last, is told by error events on the way.
 */
export class StopWatch {
  #cause: GroupError | null = null

  constructor(group: Pick<Group, 'on' | 'state'>) {
    group.on('error', error => {
      if (group.state === 'stopping' && isUnclean(error)) this.#cause ??= error
    })
  }

  /** Throws the first thing that was left undone. */
  throwIfUnclean(): void {
    if (this.#cause !== null) throw this.#cause
  }
}

function isUnclean(error: GroupError): boolean {
  return error.code === 'STOP_TIMEOUT' || isProgressNotStored(error)
}
