// One thread of a ring: its feeder, or a seat that writes down what it takes and finishes.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import {} from '#src/shared/memory/ring/ring-layout.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { SeatMemory, type TakenRecord } from '#src/worker/ring/seat-memory.js'
import { laneOfOffset, type RingThread } from './ring-threads.js'
import { readerOf } from './ring.js'

const { buffer, role, records, inHand, evidence } = workerData as RingThread
const memory = RingMemory.attach(buffer)
// A wait for a bell does not keep a thread alive; a port that is listened to does.
parentPort!.on('message', () => parentPort!.close())

async function feed(): Promise<number> {
  const writer = new RingWriter(memory)
  const { lanes } = memory.shape
  const value = Buffer.alloc(8)
  let waits = 0
  for (let offset = memory.headOffset; offset < records;) {
    value.writeDoubleLE(offset)
    const lane = laneOfOffset(offset, lanes)
    if (writer.isFinished(offset, lane) || writer.append(readerOf({ offset, value }), lane, offset)) {
      offset++
      if (offset % 7 === 0) writer.publish(offset)
    } else {
      waits++
      await writer.waitForRoom()
    }
  }
  writer.publish(records)
  return waits
}

/** Records in hand are finished in any order, and turns end now and then. */
async function handle(seat: number): Promise<number> {
  const memoryOfSeat = new SeatMemory(memory, seat)
  const open: TakenRecord[] = []
  let waits = 0
  for (let step = 1; ; step++) {
    const taken = open.length < inHand ? memoryOfSeat.take() : null
    if (taken !== null) {
      check(memoryOfSeat, taken)
      memoryOfSeat.setState(taken.slot, 'awaited', step)
      open.push(taken)
    } else if (open.length > 0) finish(memoryOfSeat, open.splice(step % open.length, 1)[0]!)
    else if (memoryOfSeat.fallAsleep()) {
      if (isOver()) return waits
      waits++
      await memoryOfSeat.woken()
    }
    if (step % 50 === 0) memoryOfSeat.yieldLanes()
    if (step % 1000 === 0) await nextTurn()
  }
}

function check(seat: SeatMemory, taken: TakenRecord): void {
  const { bytes, valueStart } = seat.read(taken)
  const { offset, lane } = taken
  if (bytes.readDoubleLE(valueStart) !== offset) throw new Error(`the value of ${offset} is another's`)
  if (lane !== laneOfOffset(offset, memory.shape.lanes)) throw new Error(`the lane of ${offset} is another's`)
  if (Atomics.add(evidence.taken, offset, 1) !== 0) throw new Error(`${offset} was taken again`)
  const before = Atomics.exchange(evidence.newest, lane, offset + 1)
  if (memory.shape.ordering === 'key' && before > offset)
    throw new Error(`${offset} came after ${before - 1}`)
}

function finish(seat: SeatMemory, { slot, offset }: TakenRecord): void {
  Atomics.store(evidence.finished, offset, 1)
  seat.finish(slot)
  Atomics.store(evidence.finished, offset, 2)
}

/** All that is left is in hand of others. */
function isOver(): boolean {
  return memory.headOffset === records
}

parentPort!.postMessage({ waits: await (role === 'feeder' ? feed() : handle(role)) })
