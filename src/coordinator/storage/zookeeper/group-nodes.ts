import type { MembersView, StoredPlan } from '../group-storage.ts'
import { answeredWith } from './answers.ts'
import type { ZooKeeperClient } from './client.ts'
import type { GroupPaths } from './paths.ts'

const NO_VERSION = { czxid: 0n, cversion: 0 }

export interface GroupNodesListener {
  membersChanged(): void
  planChanged(): void
}

/** Who is in the group and what its members have agreed on: the nodes that all of them watch. */
export class GroupNodes {
  readonly #client: ZooKeeperClient
  readonly #paths: GroupPaths
  readonly #unlisten: readonly (() => void)[]
  #isPlanMade = false

  constructor(client: ZooKeeperClient, paths: GroupPaths, listener: GroupNodesListener) {
    this.#client = client
    this.#paths = paths
    this.#unlisten = [
      client.onNodeEvent(paths.ids, () => listener.membersChanged()),
      client.onNodeEvent(paths.plan, () => listener.planChanged()),
    ]
  }

  /** Every id node with its data, as of one moment between two changes; the next change is told. */
  async readMembers(): Promise<MembersView> {
    const { ids } = this.#paths
    for (;;) {
      const children = await this.#client.watchChildren(ids)
      if (children === null) return { members: [], version: NO_VERSION }
      const nodes = await Promise.all(children.names.map(name => this.#client.getData(this.#paths.id(name))))
      // One that has gone since is told of by the watch, but the answer would name members that never were together.
      if (nodes.includes(null)) continue
      const members = children.names.map((memberId, index) => {
        const { data, stat } = nodes[index]!
        return { memberId, data, czxid: stat.czxid }
      })
      return { members, version: { czxid: children.czxid, cversion: children.cversion } }
    }
  }

  /** The next change is told. The node is made, empty, if there is none: only a node that exists can be watched and swapped. */
  async readPlan(): Promise<StoredPlan> {
    const { plan } = this.#paths
    for (;;) {
      if (!this.#isPlanMade) await this.#client.create(plan, null, 'persistent')
      this.#isPlanMade = true
      const node = await this.#client.getData(plan, true)
      if (node !== null) return { bytes: node.data, version: node.stat.version }
      this.#isPlanMade = false // somebody deleted it
    }
  }

  /** Stores the plan if nobody has changed it since `version`; false otherwise. */
  async writePlan(bytes: Buffer, version: number): Promise<boolean> {
    try {
      await this.#client.setData(this.#paths.plan, bytes, version)
      return true
    } catch (error) {
      if (answeredWith(error, 'BAD_VERSION', 'NO_NODE')) return false
      throw error
    }
  }

  /** No further events. Idempotent. */
  stop(): void {
    for (const unlisten of this.#unlisten) unlisten()
  }
}
