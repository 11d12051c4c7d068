import { parseHostPort, type HostPort } from '../shared/host-port.ts'
import { chrootFault } from './names.ts'

export interface ConnectString {
  readonly servers: readonly HostPort[]
  /** '' if there is none. */
  readonly chroot: string
  /** Everything that is wrong with it, each as the words that follow "expected". */
  readonly faults: readonly string[]
}

/** ZooKeeper's connect string: `host:port,host:port/chroot`. */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf('/')
  const list = slash === -1 ? text : text.slice(0, slash)
  const chroot = slash === -1 ? '' : text.slice(slash)
  const parsed = list.split(',').map(parseHostPort)
  const faults = parsed.filter(server => typeof server === 'string')
  const fault = chrootFault(chroot)
  return {
    servers: parsed.filter(server => typeof server !== 'string'),
    chroot,
    faults: fault === null ? faults : [...faults, fault],
  }
}
