// Runs a member of the group until SIGTERM or Ctrl-C: node examples/consume.js
import { runGroup } from 'kafka-worker-group'

const group = await runGroup(new URL('./thumbnails.js', import.meta.url), {
  groupId: 'thumbnails',
  topics: ['uploads'],
  zookeeper: '127.0.0.1:2181',
})
group.on('error', error => console.error(error.code, error.message))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => group.stop())
await group.finished
