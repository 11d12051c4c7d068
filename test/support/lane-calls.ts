import { MessagePort } from 'node:worker_threads'

/** A message to a worker thread about one partition. */
export interface LaneCall {
  /** startLane, drainLane, abortLane, setPaused … */
  readonly call: string
  readonly partition: number
}

/** What Comlink posts for a call. */
interface PostedCall {
  readonly type?: unknown
  readonly path?: unknown
  readonly argumentList?: unknown
}

/** Hears of every message that this process sends from now on to any of its threads about a partition. */
export function onLaneCall(hear: (call: LaneCall) => void): void {
  const { prototype } = MessagePort
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is applied to the port that it was called on
  const post = prototype.postMessage as (...message: unknown[]) => void
  prototype.postMessage = function (this: MessagePort, ...message: unknown[]) {
    const call = laneCallOf(message[0])
    if (call !== null) hear(call)
    Reflect.apply(post, this, message)
  }
}

function laneCallOf(message: unknown): LaneCall | null {
  const { type, path, argumentList } = (message ?? {}) as PostedCall
  if (type !== 'APPLY' || !Array.isArray(path) || !Array.isArray(argumentList)) return null
  const [first] = argumentList as { readonly value?: { readonly partition?: unknown } }[]
  const partition = first?.value?.partition
  return typeof partition === 'number' ? { call: String(path[0]), partition } : null
}
