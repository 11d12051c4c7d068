import { isGroupError, toError, type GroupError } from '../../shared/errors.ts'
import type { FetchRequest } from '../../shared/kafka/fetch-request.ts'
import { errorCodeName } from '../../shared/kafka/error-codes.ts'
import type { FetchedPartition, FetchResponse } from '../../shared/kafka/fetch-response.ts'
import { partitionName } from '../../shared/types.ts'
import { applyAnswer, type AnswerHost } from './apply-answer.ts'
import { hasRoom, type LaneShare } from './budget.ts'
import { FetchLink, type OpenConnection } from './fetch-link.ts'
import type { LaneInbox } from './lane-inbox.ts'
import { chooseLink, inServiceOrder, type FetchCandidate } from './plan-fetch.ts'

export interface FeedSettings {
  readonly maxBytesPerPartition: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly readCommitted: boolean
}

export interface FeedHost extends AnswerHost {
  /** What each lane of the thread may hold at the moment. */
  readonly share: LaneShare
  /** What all lanes of the thread together may still take. Below zero while there are more lanes than when they were filled. */
  readonly spareBytes: number
  /** The leader cannot be used, and trying again may not help; told once per series of failures. */
  troubled(inbox: LaneInbox, error: GroupError): void
}

interface Candidate extends FetchCandidate {
  readonly inbox: LaneInbox
}

/** How long a broker may wait for records on the quick link: the most that a partition which gains room is held up. */
const QUICK_WAIT_MS = 20

/** Fetches from one leader for the lanes of this thread. docs/decisions/0003-long-poll.md tells why it has two links. */
export class LeaderFeed {
  readonly #settings: FeedSettings
  readonly #host: FeedHost
  readonly #poll: FetchLink
  readonly #quick: FetchLink
  readonly #inboxes = new Set<LaneInbox>()
  /** The request that each of them is in. */
  readonly #inFlight = new Map<LaneInbox, FetchRequest>()
  /** Links whose refusal was told, until they answer again. */
  readonly #told = new Set<FetchLink>()
  #wasPollFull = false
  #isDown = false
  #isPumping = false
  #isClosed = false
  /** Counts answers that brought something, to serve partitions in turn. */
  #served = 0

  constructor(settings: FeedSettings, host: FeedHost, open: OpenConnection) {
    this.#settings = settings
    this.#host = host
    const { maxWaitMs } = settings
    const changed = (): void => this.pump()
    this.#poll = new FetchLink({ waitMs: maxWaitMs, open, changed })
    this.#quick = new FetchLink({ waitMs: Math.min(QUICK_WAIT_MS, maxWaitMs), open, changed })
  }

  /** Lanes may come: a partition that has just moved here should not wait until connections are there. */
  prepare(): void {
    this.#poll.prepare()
    this.#quick.prepare()
  }

  get isUnused(): boolean {
    return this.#inboxes.size === 0
  }

  add(inbox: LaneInbox): void {
    this.#inboxes.add(inbox)
    inbox.servedAt = 0
    inbox.setReachable(!this.#isDown)
    this.pump()
  }

  remove(inbox: LaneInbox): void {
    this.#inboxes.delete(inbox)
    this.#inFlight.delete(inbox) // its answer, if one is under way, finds it gone
  }

  /** Something changed: asks for whatever may be asked for. At the end of the current callback, so that all it changes is in one request. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    queueMicrotask(() => {
      this.#isPumping = false
      this.#ask()
    })
  }

  /** Drops the connections; answers under way are ignored. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#poll.close()
    this.#quick.close()
  }

  #ask(): void {
    if (this.#isClosed) return
    const links = { poll: this.#poll.state, quick: this.#quick.state }
    if (links.poll !== 'ready' && links.quick !== 'ready') return
    const candidates = this.#candidates()
    const situation = { hasCandidates: candidates.length > 0, wasPollFull: this.#wasPollFull, ...links }
    const chosen = chooseLink(situation)
    if (chosen === null) return
    const [link, other] = chosen === 'poll' ? [this.#poll, this.#quick] : [this.#quick, this.#poll]
    const ordered = inServiceOrder(candidates)
    const asked = chosen === 'poll' && this.#wasPollFull ? firstHalf(ordered) : ordered
    void this.#exchange(link, other, asked)
    if (asked.length < ordered.length) this.pump()
  }

  #candidates(): Candidate[] {
    const { share } = this.#host
    let { spareBytes } = this.#host
    const candidates: Candidate[] = []
    for (const inbox of this.#inboxes) {
      if (this.#inFlight.has(inbox) || !inbox.isFetchable) continue
      if (!hasRoom(share, inbox.bufferedBytes, spareBytes)) continue
      spareBytes -= share.fetchBytes
      const { topic, partition, position, servedAt } = inbox
      const maxBytes = Math.max(share.fetchBytes, inbox.neededBytes)
      candidates.push({ inbox, topic, partition, offset: position, maxBytes, servedAt })
    }
    return candidates
  }

  /** One request and its answer. Never rejects. */
  async #exchange(link: FetchLink, other: FetchLink, asked: readonly Candidate[]): Promise<void> {
    const request = this.#request(link.waitMs, asked)
    for (const { inbox } of asked) this.#inFlight.set(inbox, request)
    try {
      await link.exchange(request, response => this.#take(link, response, request, asked))
    } catch (thrown) {
      if (this.#isClosed) return // our own close cut it
      this.#lost(thrown, link, other, asked)
    } finally {
      // A partition that was taken away and came back may be in a newer request.
      for (const { inbox } of asked) if (this.#inFlight.get(inbox) === request) this.#inFlight.delete(inbox)
    }
    this.pump()
  }

  #request(maxWaitMs: number, asked: readonly Candidate[]): FetchRequest {
    const { maxBytesPerPartition, minBytes, readCommitted } = this.#settings
    return {
      maxWaitMs,
      minBytes,
      // One partition's worth: with a backlog an answer then holds one partition, of which nothing needs to be copied.
      maxBytes: Math.max(maxBytesPerPartition, ...asked.map(candidate => candidate.maxBytes)),
      readCommitted,
      partitions: asked,
    }
  }

  /**
   * Useful is an answer that the broker had a reason to give: something for a partition, or an error, after which the
   * partition rests by itself. Since the request anything may have changed: each inbox is looked at anew.
   */
  #take(
    link: FetchLink,
    response: FetchResponse,
    request: FetchRequest,
    asked: readonly Candidate[],
  ): 'useful' | 'nothing' {
    if (this.#isClosed) return 'nothing'
    if (response.errorCode !== 0) throw new Error(`fetch: ${errorCodeName(response.errorCode)}`)
    this.#told.delete(link)
    this.#setDown(false)
    if (link === this.#poll) this.#wasPollFull = isFull(response, request)
    const byName = new Map(asked.map(candidate => [partitionName(candidate), candidate]))
    let outcome: 'useful' | 'nothing' = 'nothing'
    for (const answer of response.partitions) {
      const candidate = byName.get(partitionName(answer))
      if (candidate === undefined) continue // nobody asked for it
      // Only of the first partition with records: the others get what is left of the answer (KIP-74).
      const wholeBytes = candidate === asked[0] ? Math.min(candidate.maxBytes, request.maxBytes) : 0
      const isNews = this.#deliver(answer, candidate, wholeBytes)
      if (isNews || answer.errorCode !== 0) outcome = 'useful'
    }
    return outcome
  }

  #deliver(answer: FetchedPartition, { inbox, offset }: Candidate, wholeBytes: number): boolean {
    const isCurrent = this.#inboxes.has(inbox) && inbox.isOpen && inbox.position === offset
    if (!isCurrent || !applyAnswer(answer, { offset, wholeBytes }, inbox, this.#host)) return false
    inbox.servedAt = this.#served += 1
    return true
  }

  /** The connection ended or could not be opened: perhaps others lead these partitions now. Tries on until they are taken away. */
  #lost(thrown: unknown, link: FetchLink, other: FetchLink, asked: readonly Candidate[]): void {
    const error = toError(thrown)
    if (isGroupError(error) && !error.retryable && !this.#told.has(link)) {
      this.#told.add(link)
      for (const { inbox } of asked) this.#host.troubled(inbox, error)
    }
    // The same broker may still answer there, and if it does not, that request will tell.
    if (!other.isOut) this.#setDown(true)
    this.#host.leadersStale(error.message)
  }

  #setDown(isDown: boolean): void {
    this.#isDown = isDown
    for (const inbox of this.#inboxes) inbox.setReachable(!isDown)
  }
}

/** With a backlog the other half goes on the quick link, so that one answer is on its way while the other is worked off. */
function firstHalf<T>(all: readonly T[]): readonly T[] {
  return all.slice(0, Math.ceil(all.length / 2))
}

/** Half of what was allowed: batches are whole, so an answer rarely has all of it. */
function isFull(response: FetchResponse, request: FetchRequest): boolean {
  const bytes = response.partitions.reduce((sum, { records }) => sum + (records?.length ?? 0), 0)
  const asked = request.partitions.reduce((sum, { maxBytes }) => sum + maxBytes, 0)
  return bytes >= Math.min(asked, request.maxBytes) / 2
}
