/** What a ring has room for. Fixed at the claim. */
export interface RingShape {
  readonly ordering: 'key' | 'none'
  /** 1 in `none` order. */
  readonly lanes: number
  /** One per thread. */
  readonly seats: number
  /** Records that a seat may have in hand. */
  readonly slotsPerSeat: number
  /** Records that the ring may hold; a power of two. */
  readonly indexCapacity: number
  /** Bytes of records that the ring may hold; a multiple of 8. */
  readonly dataBytes: number
  /** Records that were in hand when the claim was made. */
  readonly restored: number
}

/**
 * Where everything stands in the buffer of a ring. C: coordinator, F: feeder, S: the seat's thread, H: the holder of the lane. `none` order
 * has one lane, which nobody holds.
 *
 * | slot            | type    | writer | meaning                                                                               |
 * | --------------- | ------- | ------ | ------------------------------------------------------------------------------------- |
 * | shape           | int32   | C      | RingShape; never changes                                                              |
 * | HEAD            | int32   | F      | seq of the next record to be appended                                                 |
 * | TAIL            | int32   | F      | the lowest seq that is kept: its index entry and its bytes are not used anew          |
 * | USED_BYTES      | int32   | F      | bytes of the records that are kept                                                    |
 * | BUFFERED_BYTES  | int32   | F      | bytes that were fetched and are not in the ring yet                                   |
 * | FEED_WAITS_FOR  | int32   | F      | index into FEED_WAIT_REASONS                                                          |
 * | IS_BLOCKED      | int32   | F      | 1: the feeder waits for BLOCKED_ON to be finished                                     |
 * | BLOCKED_ON      | int32   | F      | a seq                                                                                 |
 * | FEED_BELL       | int32   | all    | counts up; the feeder sleeps on it                                                    |
 * | IS_CLOSED       | int32   | C      | 1: nothing is taken any more: see close-ring.ts                                       |
 * | IS_ALONE        | int32   | C      | 1: the bit of the group that one lane runs alone is for this ring, if it is set       |
 * | HEAD_OFFSET     | int64   | F, C   | every record below is in the ring, was there, or is hidden, gone or was finished before |
 * | HIGH_WATERMARK  | int64   | F      | end of the partition as of the last fetch; -1 unknown                                 |
 * | lanes: LAST     | int32   | F      | seq of the lane's newest record; -1 at first                                          |
 * | lanes: NEXT     | int32   | H, S in `none` | all records of the lane below were taken. The lane is empty if and only if this is LAST + 1 |
 * | lanes: AFTER    | int32   | F      | seq + 1 of the lane's newest record below TAIL; initially 0                           |
 * | lanes: OLDEST   | int32   | F      | the lane's first record that is kept; before AFTER and LAST                           |
 * | lanes: HOLDER   | int32   | S, C   | seat + 1, or 0: by compare-and-set; C frees what a thread held that has exited        |
 * | lanes: BASE     | float64 | C      | frontier at the claim: below, all is finished but for what was restored               |
 * | seats: SLEEPS   | int32   | S, wakers | 1: it waits for its bell; who sets it back to 0 rings                              |
 * | seats: BELL     | int32   | wakers | counts up; a seat sleeps on it                                                        |
 * | seats: HANDLED  | int32   | S      | records finished, modulo 2^32                                                         |
 * | seats: FAILED   | int32   | S      | attempts that failed, modulo 2^32                                                     |
 * | seats: WAITS_FOR | int32  | S      | index into SEAT_WAIT_REASONS                                                          |
 * | seats: PRESENCE | int32   | S, C   | index into SEAT_PRESENCES; C before a thread is asked to take the seat                |
 * | slots: STATE    | int32   | S, C   | index into SLOT_STATES; C when the thread has exited                                  |
 * | slots: SEQ      | int32   | S      | whose slot it is, while STATE is not 'free'                                           |
 * | slots: ATTEMPTS | int32   | S, C   | that failed                                                                           |
 * | slots: SINCE_US | float64 | S, C   | monotonic: when its handler was called, or since when it waits                        |
 * | slots: UNTIL_US | float64 | S, C   | monotonic: when it is run again; while it waits for that                              |
 * | restored: OFFSET | float64 | C     | was in hand when the claim was made                                                   |
 * | restored: ATTEMPTS | int32 | C     | that had failed                                                                       |
 * | restored: LANE  | int32   | F      | -1 until it was appended                                                              |
 * | restored: SEQ   | int32   | F      | before LANE                                                                           |
 * | index: OFFSET   | float64 | F      | before LAST and HEAD, like all that follows                                           |
 * | index: HASH     | int32   | F      | of its key                                                                            |
 * | index: LANE     | uint16  | F      |                                                                                       |
 * | index: ATTEMPTS | uint16  | F      | that failed before the claim                                                          |
 * | index: POSITION | int32   | F      | byte in the data at which its entry begins: see ring-entry.ts                         |
 * | index: LINK     | int32   | F      | the lane's next record, once there is one; before its LAST. Not read in `none` order  |
 * | index: TAKER    | uint16  | F 0, S | `none` order: seat + 1 of who has taken it, by compare-and-set                         |
 * | data            | bytes   | F      | entries                                                                               |
 *
 * A seq is the number of a record in its ring, modulo 2^32; entry `seq & (indexCapacity - 1)` of the index is its own. A lane may
 * rest for longer than seqs are unique: its NEXT, LAST and AFTER are compared with each other for equality only, until its OLDEST is kept; see
 * lane-chain.ts.
 */
export const HEADER = {
  HEAD: 8,
  TAIL: 9,
  USED_BYTES: 10,
  BUFFERED_BYTES: 11,
  FEED_WAITS_FOR: 12,
  IS_BLOCKED: 13,
  BLOCKED_ON: 14,
  FEED_BELL: 15,
  IS_CLOSED: 16,
  IS_ALONE: 17,
} as const
/** Even: words of 8 bytes follow. */
const HEADER_WORDS = 18
/** In 64-bit words behind the header. */
export const LONGS = { HEAD_OFFSET: 0, HIGH_WATERMARK: 1 } as const

export const FEED_WAIT_REASONS = ['', 'ring-full', 'fetch-error', 'level', 'paused'] as const
export type FeedWaitReason = (typeof FEED_WAIT_REASONS)[number]

/**
 * `taking`: its lane may not have moved beyond it yet, and it has not begun; `slice`: it is on the stack of its thread; `awaited`: its async
 * handler is under way; `timed-out`: the same, and its signal has aborted; `retry`: it waits for its next attempt; `behind`: for a record of the
 * same key; `ready`: for its turn; `dead-letter`: until it is stored elsewhere; `stopped`: the partition stops at it.
 */
export const SLOT_STATES = [
  'free',
  'taking',
  'slice',
  'awaited',
  'timed-out',
  'retry',
  'behind',
  'ready',
  'dead-letter',
  'stopped',
] as const
export type SlotState = (typeof SLOT_STATES)[number]

/** What STATE holds. */
export const SLOT_STATE_NUMBER = Object.fromEntries(
  SLOT_STATES.map((state, number) => [state, number]),
) as Readonly<Record<SlotState, number>>

export const SEAT_WAIT_REASONS = [
  '',
  'lease',
  'paused',
  'failed',
  'draining',
  'retry',
  'dead-letter',
  'suspect',
  'announce',
  'alone',
  'in-hand-full',
] as const
export type SeatWaitReason = (typeof SEAT_WAIT_REASONS)[number]

/**
 * `absent`: no thread has begun with it; `bound`: it has, and has something to do for it before it is over, be it the hook `released`; `loose`: only while
 * something of it is in hand.
 */
export const SEAT_PRESENCES = ['absent', 'bound', 'loose'] as const
export type SeatPresence = (typeof SEAT_PRESENCES)[number]

/** What PRESENCE holds. */
export const SEAT_PRESENCE_NUMBER = Object.fromEntries(
  SEAT_PRESENCES.map((presence, number) => [presence, number]),
) as Readonly<Record<SeatPresence, number>>

/** In LANE: a seq that was left out. */
export const NO_LANE = 0xffff

/** What the index has for each record, in all its arrays. */
export const INDEX_BYTES = 26

/** Byte offsets of the arrays. */
export interface RingLayout {
  readonly longs: number
  readonly laneBase: number
  readonly slotSince: number
  readonly slotUntil: number
  readonly restoredOffset: number
  readonly indexOffset: number
  readonly laneLast: number
  readonly laneNext: number
  readonly laneAfter: number
  readonly laneOldest: number
  readonly laneHolder: number
  readonly seatSleeps: number
  readonly seatBell: number
  readonly seatHandled: number
  readonly seatFailed: number
  readonly seatWaitsFor: number
  readonly seatPresence: number
  readonly slotState: number
  readonly slotSeq: number
  readonly slotAttempts: number
  readonly restoredAttempts: number
  readonly restoredLane: number
  readonly restoredSeq: number
  readonly indexHash: number
  readonly indexPosition: number
  readonly indexLink: number
  readonly indexLane: number
  readonly indexAttempts: number
  readonly indexTaker: number
  readonly data: number
  readonly bytes: number
}

/** Arrays of 8 bytes first, then of 4, then of 2, so that each is aligned. */
export function layoutOf({
  lanes,
  seats,
  slotsPerSeat,
  indexCapacity,
  dataBytes,
  restored,
}: RingShape): RingLayout {
  let at = HEADER_WORDS * 4
  const take = (count: number, bytesEach: number): number => {
    const start = at
    at += count * bytesEach
    return start
  }
  const slots = seats * slotsPerSeat
  const eights = {
    longs: take(2, 8),
    laneBase: take(lanes, 8),
    slotSince: take(slots, 8),
    slotUntil: take(slots, 8),
    restoredOffset: take(restored, 8),
    indexOffset: take(indexCapacity, 8),
  }
  const fours = {
    laneLast: take(lanes, 4),
    laneNext: take(lanes, 4),
    laneAfter: take(lanes, 4),
    laneOldest: take(lanes, 4),
    laneHolder: take(lanes, 4),
    seatSleeps: take(seats, 4),
    seatBell: take(seats, 4),
    seatHandled: take(seats, 4),
    seatFailed: take(seats, 4),
    seatWaitsFor: take(seats, 4),
    seatPresence: take(seats, 4),
    slotState: take(slots, 4),
    slotSeq: take(slots, 4),
    slotAttempts: take(slots, 4),
    restoredAttempts: take(restored, 4),
    restoredLane: take(restored, 4),
    restoredSeq: take(restored, 4),
    indexHash: take(indexCapacity, 4),
    indexPosition: take(indexCapacity, 4),
    indexLink: take(indexCapacity, 4),
  }
  const twos = {
    indexLane: take(indexCapacity, 2),
    indexAttempts: take(indexCapacity, 2),
    indexTaker: take(indexCapacity, 2),
  }
  at = Math.ceil(at / 8) * 8
  return { ...eights, ...fours, ...twos, data: take(dataBytes, 1), bytes: at }
}
