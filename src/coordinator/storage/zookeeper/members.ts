import { monotonicMs, wallMs } from '../../../shared/clock.ts'
import { GroupError } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import type { MemberDescription } from '../group-storage.ts'
import type { ZooKeeperClient } from './client.ts'
import { encodeMember } from './formats.ts'
import { isOurs, removeOurs } from './own-nodes.ts'
import type { GroupPaths } from './paths.ts'
import { after, firstOf, Latch, type Subscribe } from './wait.ts'
import { sessionName, type Znode } from './znode.ts'

/**
 * Two ticks of a server with default settings. A server ends sessions a tick late and may see ours a tick early; by
 * default the smallest session it grants is two ticks, so two of its ticks are never more than the session timeout.
 */
const DEFAULT_TWO_TICKS_MS = 6_000

/** This member's node under `ids`: registered once per session, checked by every heartbeat. */
export class Membership {
  readonly #path: string
  readonly #member: MemberDescription
  readonly #logger: Logger
  readonly #sessionChanged: Subscribe
  #version = 0
  #waitUntilMs: number | null = null
  #repair: Promise<void> | null = null

  constructor(paths: GroupPaths, member: MemberDescription, logger: Logger, sessionChanged: Subscribe) {
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
    const changed = new Latch()
    const unlisten = client.onNodeEvent(this.#path, () => changed.fire())
    try {
      while (!(await this.#tryRegister(client, changed))) {
        const leftMs = this.#waitUntilMs === null ? 0 : this.#waitUntilMs - monotonicMs()
        if (leftMs > 0) await firstOf([changed.subscribe, this.#sessionChanged, after(leftMs)], signal)
      }
    } finally {
      unlisten()
    }
  }

  /** The check-only transaction that keeps the session and proves that this member is still registered. */
  async heartbeat(client: ZooKeeperClient): Promise<void> {
    const result = await client.multi([{ type: 'check', path: this.#path, version: this.#version }], true)
    if (result.committed) return
    this.#repair ??= this.#registerAgain(client).finally(() => (this.#repair = null))
    await this.#repair
  }

  async unregister(client: ZooKeeperClient): Promise<void> {
    await removeOurs(client, this.#path)
  }

  async #tryRegister(client: ZooKeeperClient, changed: Latch): Promise<boolean> {
    changed.reset()
    if (await client.create(this.#path, this.#data(), 'ephemeral')) {
      this.#version = 0
      return true
    }
    const holder = await client.getData(this.#path, true)
    if (holder === null) return false // it has just gone: try again at once
    if (holder.stat.ephemeralOwner === client.sessionId) return this.#adopt(client, holder)
    if (isOurs(client, holder.stat.ephemeralOwner)) await removeOurs(client, this.#path)
    else this.#waitFor(client, holder)
    return false
  }

  /** The node is ours already: the answer to its creation was lost with a connection, or others wrote to it. */
  async #adopt(client: ZooKeeperClient, node: Znode): Promise<true> {
    this.#version = await client.setData(this.#path, this.#data(), node.stat.version)
    return true
  }

  #waitFor(client: ZooKeeperClient, holder: Znode): void {
    const nowMs = monotonicMs()
    if (this.#waitUntilMs === null) {
      const patienceMs = client.sessionTimeoutMs + Math.min(DEFAULT_TWO_TICKS_MS, client.sessionTimeoutMs)
      this.#waitUntilMs = nowMs + patienceMs
      const fields = { path: this.#path, session: sessionName(holder.stat.ephemeralOwner), patienceMs }
      this.#logger.warn(fields, 'memberId is in use, waiting for an earlier holder to go')
    } else if (nowMs >= this.#waitUntilMs) throw this.#taken(holder)
  }

  async #registerAgain(client: ZooKeeperClient): Promise<void> {
    this.#logger.warn(
      { path: this.#path },
      'id node was changed or deleted by somebody else, writing it again',
    )
    if (await client.create(this.#path, this.#data(), 'ephemeral')) {
      this.#version = 0
      return
    }
    const holder = await client.getData(this.#path)
    if (holder === null) return // it has just gone: the next heartbeat finds out and comes here again
    if (holder.stat.ephemeralOwner !== client.sessionId) throw this.#taken(holder)
    await this.#adopt(client, holder)
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
    return encodeMember(this.#member, wallMs())
  }
}
