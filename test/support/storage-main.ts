// The group storage of one member in a process of its own, to be killed, frozen and thawed: it joins, claims partition 0
// of topic t, and after an expiry does so again. Options come as JSON in KWG_STORAGE; what happens is told as JSON lines.
import { ZooKeeperGroupStorage } from '#src/coordinator/storage/zookeeper/zookeeper-group-storage.js'
import { monotonicMs } from '#src/shared/clock.js'
import { silentLogger } from '#src/shared/logger.js'
import type { StorageStart } from './storage-process.ts'

const start = JSON.parse(process.env['KWG_STORAGE'] ?? '{}') as StorageStart
const forever = new AbortController().signal

function tell(event: string, details: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, atMs: Date.now(), ...details })}\n`)
}

const storage = new ZooKeeperGroupStorage({ ...start.zookeeper, logger: silentLogger })

async function joinAndClaim(): Promise<void> {
  await storage.join(start.groupId, { memberId: start.memberId, subscription: { t: 1 } }, forever)
  tell('joined')
  const claim = await storage.claim(
    { topic: 't', partition: 0 },
    { signal: forever, onRefused: holder => tell('refused', { holder }) },
  )
  tell('claimed', { epoch: claim.epoch.toString() })
}

await storage.open({
  leaseRenewed: lease => tell('leaseRenewed', { leftMs: lease.monoMs - monotonicMs() }),
  leaseOver: () => tell('leaseOver'),
  disconnected: () => tell('disconnected'),
  restored: () => tell('restored'),
  expired: () => {
    tell('expired')
    void joinAndClaim()
  },
  claimLost: () => tell('claimLost'),
  foreignWrite: () => tell('foreignWrite'),
  membersChanged: () => {},
  planChanged: () => {},
  topicsChanged: () => {},
})
process.once('SIGTERM', () => void storage.close())
await joinAndClaim()
