import type { ConnectionManager } from './library-internals.ts'
import type { NodeEvent } from './znode.ts'

export type NodeListener = (event: NodeEvent) => void

type Watcher = (event: { getType(): number }) => void

/** Event types of the wire. */
const EVENTS: Readonly<Record<number, NodeEvent>> = {
  1: 'created',
  2: 'deleted',
  3: 'changed',
  4: 'children',
}

/**
 * Who waits for events of which node. The library recognises a repeated watch only by the same function, so there is
 * one per path for as long as somebody listens; and it has no way to drop a watch, so an unused one is taken out of
 * its tables, or every reconnect would send all watches ever set.
 */
export class NodeWatches {
  readonly #manager: ConnectionManager
  readonly #paths = new Map<string, { readonly watcher: Watcher; readonly listeners: Set<NodeListener> }>()

  constructor(manager: ConnectionManager) {
    this.#manager = manager
  }

  /** Hears events of the node from the next read with `watcherOf` on. Returns the way to stop hearing. */
  listen(path: string, listener: NodeListener): () => void {
    this.#entry(path).listeners.add(listener)
    return () => this.#unlisten(path, listener)
  }

  /** The function to hand to the library for a watch on this node. */
  watcherOf(path: string): Watcher {
    return this.#entry(path).watcher
  }

  #entry(path: string): { readonly watcher: Watcher; readonly listeners: Set<NodeListener> } {
    const known = this.#paths.get(path)
    if (known !== undefined) return known
    const listeners = new Set<NodeListener>()
    const watcher: Watcher = event => {
      const what = EVENTS[event.getType()]
      if (what !== undefined) for (const listener of [...listeners]) listener(what)
    }
    const entry = { watcher, listeners }
    this.#paths.set(path, entry)
    return entry
  }

  #unlisten(path: string, listener: NodeListener): void {
    const entry = this.#paths.get(path)
    entry?.listeners.delete(listener)
    if (entry?.listeners.size === 0) this.#forget(path)
  }

  #forget(path: string): void {
    this.#paths.delete(path)
    const { dataWatchers, existenceWatchers, childWatchers } = this.#manager.watcherManager
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the library keeps its watches in plain objects
    for (const watchers of [dataWatchers, existenceWatchers, childWatchers]) delete watchers[path]
  }
}
