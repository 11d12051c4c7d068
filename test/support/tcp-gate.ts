import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd, type Owner } from './cleanup.ts'

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** What arrived last in each direction waits for what arrived before it. */
  readonly lines: { requests: Promise<void>; answers: Promise<void> }
}

/**
 * A door in front of a real server: connections through it can be cut, silenced, slowed down or robbed of their answers
 * while the server itself goes on.
 */
export class TcpGate {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #isShut = false
  #holds = { requests: false, answers: false }
  #delayMs = 0
  #delayed = 0

  /** In front of `target`, `host:port`, until the test is over. */
  static async open(owner: Owner, target: string): Promise<TcpGate> {
    const [host, port] = target.split(':')
    const gate = new TcpGate(host!, Number(port))
    await new Promise<void>(resolve => gate.#server.listen(0, '127.0.0.1', resolve))
    atEnd(owner, () => gate.#stop())
    return gate
  }

  private constructor(host: string, port: number) {
    this.#target = { host, port }
    this.#server = createServer(client => this.#admit(client))
  }

  /** `host:port` */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size
  }

  /** Pieces of data that were kept back by `slow`. */
  get delayed(): number {
    return this.#delayed
  }

  /** Cuts every connection and lets none in. */
  shut(): void {
    this.#isShut = true
    this.#cutAll()
  }

  /** Silence in both directions: connections stay, nothing passes. */
  silence(): void {
    this.#hold({ requests: true, answers: true })
  }

  /** Requests pass, answers are kept back. */
  holdAnswers(): void {
    this.#hold({ requests: false, answers: true })
  }

  /** Everything arrives that much later, in order; 0 for at once. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs
  }

  /** Everything passes again; what was held is lost with its connection. */
  reopen(): void {
    this.#isShut = false
    if (this.#holds.requests || this.#holds.answers) this.#cutAll()
    this.#holds = { requests: false, answers: false }
  }

  #admit(client: Socket): void {
    if (this.#isShut) {
      client.destroy()
      return
    }
    const server = connect(this.#target)
    const pair: Pair = { client, server, lines: { requests: Promise.resolve(), answers: Promise.resolve() } }
    this.#pairs.add(pair)
    const end = (): void => {
      client.destroy()
      server.destroy()
      this.#pairs.delete(pair)
    }
    for (const socket of [client, server]) {
      socket.setNoDelay()
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', bytes => this.#pass(pair, 'requests', () => server.write(bytes)))
    server.on('data', bytes => this.#pass(pair, 'answers', () => client.write(bytes)))
    this.#apply(pair)
  }

  #pass({ lines }: Pair, line: keyof Pair['lines'], write: () => void): void {
    const before = lines[line]
    const delayMs = this.#delayMs
    if (delayMs > 0) this.#delayed += 1
    const waited = delayMs > 0 ? sleep(delayMs) : Promise.resolve()
    lines[line] = Promise.all([before, waited]).then(write) // into a socket that was destroyed meanwhile: dropped there
  }

  #hold(holds: { readonly requests: boolean; readonly answers: boolean }): void {
    this.#holds = { ...holds }
    for (const pair of this.#pairs) this.#apply(pair)
  }

  #apply({ client, server }: Pair): void {
    if (this.#holds.requests) client.pause()
    if (this.#holds.answers) server.pause()
  }

  #cutAll(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
  }

  async #stop(): Promise<void> {
    this.#cutAll()
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }
}
