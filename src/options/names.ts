/** Kafka's rule for topics (`org.apache.kafka.common.internals.Topic`): these characters, at most 249 of them. */
const TOPIC_NAME = /^[a-zA-Z0-9._-]{1,249}$/

/**
 * Characters that ZooKeeper refuses in paths (`org.apache.zookeeper.common.PathUtils`): control characters, UTF-16
 * surrogates with the private use area behind them, and the specials at the end of the basic plane.
 */
const ZNODE_REFUSED = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/

export const TOPIC_EXPECTED = "a topic name: 1 to 249 of a-z, A-Z, 0-9, '.', '_', '-', and not '.' or '..'"
export const ZNODE_EXPECTED =
  "a legal ZooKeeper node name: not empty, no '/', no control characters or emoji, not '.' or '..'"

export function isTopicName(text: string): boolean {
  return TOPIC_NAME.test(text) && !isDots(text)
}

/** Whether ZooKeeper takes `text` as the name of one node. */
export function isZnodeName(text: string): boolean {
  return text !== '' && !text.includes('/') && !isDots(text) && !ZNODE_REFUSED.test(text)
}

/** What is wrong with a chroot, as the words that follow "expected"; null if it is one. '' means none. */
export function chrootFault(chroot: string): string | null {
  if (chroot === '') return null
  if (!chroot.startsWith('/')) return "an absolute chroot, starting with '/'"
  if (chroot.endsWith('/')) return "a chroot without a trailing '/'"
  const parts = chroot.slice(1).split('/')
  if (parts.includes('')) return "a chroot without '//'"
  const dots = parts.find(isDots)
  if (dots !== undefined) return `a chroot without '${dots}' as a part`
  const illegal = parts.find(part => !isZnodeName(part))
  return illegal === undefined ? null : 'a chroot without control characters or emoji'
}

function isDots(text: string): boolean {
  return text === '.' || text === '..'
}
