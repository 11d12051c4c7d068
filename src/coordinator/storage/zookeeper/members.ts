import { monotonicMs, wallMs } from '../../../shared/clock.ts'
import { GroupError } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import { encodeIdNode } from '../../assignment/id-node.ts'
import type { MemberDescription } from '../group-storage.ts'
import { answeredWith } from './answers.ts'
import type { ZooKeeperClient } from './client.ts'
import { hasEnded } from './ended-sessions.ts'
import { ensureNodes, removeOurs } from './own-nodes.ts'
import { withAncestors, type GroupPaths } from './paths.ts'
import { after, firstOf, Latch, type Subscribe } from './wait.ts'
import { ANY_VERSION, sessionName, type Znode } from './znode.ts'

/**
 * Two ticks of a server with default settings. A server ends sessions a tick late and may see ours a tick early; by
 * default the smallest session it grants is two ticks, so two of its ticks are never more than the session timeout.
 */
const DEFAULT_TWO_TICKS_MS = 6_000

/** This member's node under `ids`: registered once per session, checked by every heartbeat. */
export class Membership {
  readonly #ids: string
  readonly #path: string
  readonly #member: MemberDescription
  readonly #logger: Logger
  readonly #sessionChanged: Subscribe
  /** Fires when something happens to the node. */
  readonly #touched = new Latch()
  #version: number | null = null
  #waitUntilMs: number | null = null
  #repair: Promise<void> | null = null
  #unlisten: () => void = () => {}

  constructor(paths: GroupPaths, member: MemberDescription, logger: Logger, sessionChanged: Subscribe) {
    this.#ids = paths.ids
    this.#path = paths.id(member.memberId)
    this.#member = member
    this.#logger = logger
    this.#sessionChanged = sessionChanged
  }

  /**
   * Makes the id node. One of an earlier session of this process is replaced at once; any other may be a dead
   * predecessor's, so it is waited for as long as a dead session can last. MEMBER_ID_TAKEN if it stays.
   */
  async register(client: ZooKeeperClient, signal: AbortSignal): Promise<void> {
    this.#version = null
    this.#unlisten() // where an earlier attempt in this session has registered
    this.#unlisten = client.onNodeEvent(this.#path, () => this.#touched.fire())
    try {
      for (;;) {
        const holder = await this.#write(client)
        if (holder === null) return
        const leftMs = await this.#patienceWith(holder, client)
        if (leftMs > 0) await firstOf([this.#touched.subscribe, this.#sessionChanged, after(leftMs)], signal)
      }
    } catch (error) {
      this.#unlisten()
      throw error
    }
  }

  /**
   * The check-only transaction that keeps the session and proves that the node is there. It would not notice a node
   * of somebody else with the same version: events of the node do.
   */
  async heartbeat(client: ZooKeeperClient): Promise<void> {
    const ops = [{ type: 'check', path: this.#path, version: this.#version ?? ANY_VERSION } as const]
    const isThere = (await client.multi(ops, true)).committed
    if (isThere && !this.#touched.fired) return
    this.#repair ??= this.#registerAgain(client).finally(() => (this.#repair = null))
    await this.#repair
  }

  async unregister(client: ZooKeeperClient): Promise<void> {
    this.#unlisten()
    await removeOurs(client, this.#path)
  }

  /** Makes the node ours, in one round trip, and watches it. Answers the node if it is somebody else's. */
  async #write(client: ZooKeeperClient): Promise<Znode | null> {
    for (;;) {
      this.#touched.reset()
      const [isNew, node] = await Promise.all([this.#create(client), client.getData(this.#path, true)])
      if (node === null) continue // it has just gone: try again at once
      if (node.stat.ephemeralOwner !== client.sessionId) return node
      if (isNew) this.#version = node.stat.version
      if (node.stat.version === this.#version || (await this.#overwrite(client, node))) return null
    }
  }

  /** False if there is one, or nothing to make it below: somebody has deleted that, and it is made again. */
  async #create(client: ZooKeeperClient): Promise<boolean> {
    try {
      return await client.create(this.#path, this.#data(), 'ephemeral')
    } catch (error) {
      if (!answeredWith(error, 'NO_NODE')) throw error
      await ensureNodes(client, withAncestors(this.#ids))
      return false
    }
  }

  /** The node is ours already: the answer to its creation was lost with a connection, or somebody wrote to it. */
  async #overwrite(client: ZooKeeperClient, { stat }: Znode): Promise<boolean> {
    try {
      this.#version = await client.setData(this.#path, this.#data(), stat.version)
      return true
    } catch (error) {
      if (answeredWith(error, 'BAD_VERSION', 'NO_NODE')) return false // changed once more in between
      throw error
    }
  }

  /** How much longer to wait for the holder of the id; 0 to try again at once. MEMBER_ID_TAKEN when it was long enough. */
  async #patienceWith(holder: Znode, client: ZooKeeperClient): Promise<number> {
    if (hasEnded(holder.stat.ephemeralOwner)) {
      await this.#removeEnded(holder, client)
      return 0
    }
    const nowMs = monotonicMs()
    this.#waitUntilMs ??= this.#startPatience(holder, client.sessionTimeoutMs) + nowMs
    if (nowMs >= this.#waitUntilMs) throw this.#taken(holder)
    return this.#waitUntilMs - nowMs
  }

  /** Whoever makes a node of this id at that very moment, where ids are not unique, makes it again with its heartbeat. */
  async #removeEnded({ stat }: Znode, client: ZooKeeperClient): Promise<void> {
    try {
      await client.remove(this.#path, stat.version)
    } catch (error) {
      if (!answeredWith(error, 'BAD_VERSION')) throw error // looked at again either way
    }
  }

  #startPatience(holder: Znode, sessionTimeoutMs: number): number {
    const patienceMs = sessionTimeoutMs + Math.min(DEFAULT_TWO_TICKS_MS, sessionTimeoutMs)
    const fields = { path: this.#path, session: sessionName(holder.stat.ephemeralOwner), patienceMs }
    this.#logger.warn(fields, 'memberId is in use, waiting for an earlier holder to go')
    return patienceMs
  }

  async #registerAgain(client: ZooKeeperClient): Promise<void> {
    this.#logger.info({ path: this.#path }, 'something happened to the id node, making sure that it is ours')
    const holder = await this.#write(client)
    if (holder !== null) throw this.#taken(holder)
  }

  #taken(holder: Znode): GroupError {
    const { memberId } = this.#member
    const session = sessionName(holder.stat.ephemeralOwner)
    return new GroupError(
      'MEMBER_ID_TAKEN',
      `memberId ${memberId} is used by a live member (${this.#path}, session ${session}); stop it or choose another id`,
      { details: { memberId, path: this.#path, session } },
    )
  }

  #data(): Buffer {
    return encodeIdNode(this.#member, wallMs())
  }
}
