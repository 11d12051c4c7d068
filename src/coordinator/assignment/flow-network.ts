/** Number that `addArc` gives an arc. Its reverse, by which flow is taken back, has the number with the last bit flipped. */
type ArcId = number

/**
 * A directed network whose arcs have a capacity and a price per unit, and the cheapest of its largest flows. Capacities
 * and prices are whole numbers, prices not negative; so is the flow then.
 *
 * The method is successive shortest paths, all paths of one length at a time. Deterministic: of flows with the same
 * price, the order in which arcs were added decides.
 */
export class FlowNetwork {
  readonly #arcsOf: ArcId[][]
  readonly #to: number[] = []
  /** What an arc can still take. */
  readonly #free: number[] = []
  readonly #price: number[] = []
  /** Per node: the price of the cheapest path from the source, the arc to look at next, whether it is on the path. */
  readonly #distance: number[]
  readonly #nextArc: number[]
  readonly #isOnPath: boolean[]

  constructor(nodes: number) {
    this.#arcsOf = Array.from({ length: nodes }, () => [])
    this.#distance = new Array<number>(nodes).fill(Infinity)
    this.#nextArc = new Array<number>(nodes).fill(0)
    this.#isOnPath = new Array<boolean>(nodes).fill(false)
  }

  addArc(from: number, to: number, capacity: number, price: number): ArcId {
    const arc = this.#addHalf(from, to, capacity, price)
    this.#addHalf(to, from, 0, -price)
    return arc
  }

  /** What flows over these arcs together. */
  flowOver(arcs: readonly ArcId[]): number {
    return arcs.reduce((sum, arc) => sum + this.#free[arc ^ 1]!, 0)
  }

  /** Sends as much as the network can carry, at the lowest price, and answers how much that is. To be called once. */
  send(source: number, sink: number): number {
    let total = 0
    while (this.#measure(source, sink)) {
      this.#nextArc.fill(0)
      for (;;) {
        const sent = this.#push(source, sink, Infinity)
        if (sent === 0) break
        total += sent
      }
    }
    return total
  }

  #addHalf(from: number, to: number, capacity: number, price: number): ArcId {
    this.#arcsOf[from]!.push(this.#to.length)
    this.#to.push(to)
    this.#free.push(capacity)
    return this.#price.push(price) - 1
  }

  /** Finds the cheapest path to every node (Bellman and Ford's method, with a queue). False: the sink is out of reach. */
  #measure(source: number, sink: number): boolean {
    const distance = this.#distance.fill(Infinity)
    const isQueued = new Array<boolean>(distance.length).fill(false)
    distance[source] = 0
    let queue = [source]
    while (queue.length > 0) {
      const reached: number[] = []
      for (const node of queue) {
        isQueued[node] = false
        for (const arc of this.#arcsOf[node]!) {
          const to = this.#to[arc]!
          const length = distance[node]! + this.#price[arc]!
          if (this.#free[arc] === 0 || length >= distance[to]!) continue
          distance[to] = length
          if (!isQueued[to]) reached.push(to)
          isQueued[to] = true
        }
      }
      queue = reached
    }
    return distance[sink] !== Infinity
  }

  /** Sends up to `limit` from here along cheapest paths. An arc that could not take all is not looked at again. */
  #push(node: number, sink: number, limit: number): number {
    if (node === sink) return limit
    const arcs = this.#arcsOf[node]!
    let sent = 0
    this.#isOnPath[node] = true // paths of price 0 may lead back
    for (; this.#nextArc[node]! < arcs.length; this.#nextArc[node]! += 1) {
      const arc = arcs[this.#nextArc[node]!]!
      if (!this.#isOnCheapestPath(node, arc)) continue
      const passed = this.#push(this.#to[arc]!, sink, Math.min(limit - sent, this.#free[arc]!))
      this.#free[arc]! -= passed
      this.#free[arc ^ 1]! += passed
      sent += passed
      if (sent === limit) break
    }
    this.#isOnPath[node] = false
    return sent
  }

  #isOnCheapestPath(node: number, arc: ArcId): boolean {
    const to = this.#to[arc]!
    return (
      this.#free[arc]! > 0 &&
      !this.#isOnPath[to] &&
      this.#distance[to] === this.#distance[node]! + this.#price[arc]!
    )
  }
}
