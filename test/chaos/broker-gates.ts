// Loaded into a member before anything else, and into each of its threads: connections to a broker go to the gate that
// stands in front of it for this member alone. KWG_BROKER_GATES has broker port to gate port, as JSON. A broker tells its
// own address to whoever asks, so there is no option by which a member could be sent through a gate.
import net from 'node:net'

interface Target {
  port: number
}

const gates = JSON.parse(process.env['KWG_BROKER_GATES'] ?? '{}') as Readonly<Record<number, number>>
const connect = net.connect

function connectThroughGate(target: Target, onConnect?: () => void): net.Socket {
  return connect({ ...target, port: gates[target.port] ?? target.port }, onConnect)
}

net.connect = connectThroughGate as typeof net.connect
