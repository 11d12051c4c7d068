import type { WorkerThread } from '../../threads/worker-thread.ts'
import type { RingGrant } from './ring-budget.ts'
import type { RingOptions } from './ring-shape.ts'

/** What rings need of the rest of the coordinator. */
export interface RingHost {
  readonly options: RingOptions
  /** Memory for one more ring. */
  grant(): RingGrant
  /** By threadId. */
  threads(): readonly WorkerThread[]
  /** The thread that fills rings; another one once it has died. NOT_RUNNING once the threads are being stopped. */
  feeder(): WorkerThread
}
