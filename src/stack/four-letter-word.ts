import { connect } from 'node:net'

const ANSWER_DEADLINE_MS = 2_000
/** Heads the list of ephemeral nodes, also when there are none. */
const DUMP_PART = 'Sessions with Ephemerals'

/**
 * Sends one of ZooKeeper's administration commands (`srvr`, `dump`, …) and returns the answer; an empty one when the
 * server does not answer. Source: ZooKeeper Administrator's Guide, "The Four Letter Words".
 */
export function fourLetterWord(host: string, port: number, word: string): Promise<string> {
  return new Promise(resolve => {
    let answer = ''
    const socket = connect(port, host, () => socket.end(word))
    socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy())
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => (answer += text))
    socket.on('error', () => {}) // not up yet, or gone: 'close' follows and the empty answer says it
    socket.on('close', () => resolve(answer))
  })
}

/** Paths of all ephemeral nodes, from the answer to `dump`; undefined when the server does not answer. */
export async function ephemeralNodes(host: string, port: number): Promise<string[] | undefined> {
  const dump = await fourLetterWord(host, port, 'dump')
  if (!dump.includes(DUMP_PART)) return undefined
  return dump.split('\n').flatMap(line => (line.startsWith('\t/') ? [line.trim()] : []))
}
