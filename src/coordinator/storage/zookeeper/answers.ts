import { GroupError, isGroupError } from '../../../shared/errors.ts'
import type { OutstandingCall } from './outstanding-calls.ts'
import type { Answer, MultiResult, Op } from './znode.ts'

/** A call that ZooKeeper itself refused: `answer` tells why, and `answeredWith` recognises it. */
export function refused({ operation, path }: OutstandingCall, answer: Answer, cause?: unknown): GroupError {
  return new GroupError('ZOOKEEPER_REFUSED', `ZooKeeper answered ${answer} to ${operation} ${path}`, {
    details: { operation, path, answer },
    cause,
  })
}

export function answeredWith(error: unknown, ...answers: Answer[]): boolean {
  return isGroupError(error, 'ZOOKEEPER_REFUSED') && answers.includes(String(error.details['answer']))
}

/** What a step of a transaction fails with where a node is not as it had been read. */
const CHANGED: readonly Answer[] = ['BAD_VERSION', 'NO_NODE', 'NODE_EXISTS']

/**
 * The step that a transaction failed at, where somebody else was faster: then the nodes are to be read again. Rejects any
 * other answer for what it is. `alsoChanged`: what else means a change to this transaction.
 */
export function changedStep(
  ops: readonly Op[],
  { failedAt, answer }: Extract<MultiResult, { committed: false }>,
  alsoChanged: readonly Answer[] = [],
): Op {
  const step = ops[failedAt]!
  if (CHANGED.includes(answer) || alsoChanged.includes(answer)) return step
  throw refused({ operation: step.type, path: step.path }, answer)
}

export function disconnected({ operation, path }: OutstandingCall, why: string): GroupError {
  return new GroupError(
    'ZOOKEEPER_DISCONNECTED',
    `${operation} ${path}: ${why}; whether it took effect is known after the reconnect`,
    { details: { operation, path } },
  )
}

export function sessionExpired({ operation, path }: OutstandingCall): GroupError {
  return new GroupError(
    'SESSION_EXPIRED',
    `${operation} ${path}: the ZooKeeper session is over; claims must be made again in a new one`,
    { details: { operation, path } },
  )
}

export function storageClosed({ operation, path }: OutstandingCall): GroupError {
  return new GroupError('NOT_RUNNING', `${operation} ${path}: the group storage is closed`, {
    details: { operation, path },
  })
}

export function tooLarge(operation: string, path: string, bytes: number, maxBytes: number): GroupError {
  return new GroupError(
    'ZOOKEEPER_REFUSED',
    `${operation} ${path} has ${bytes} bytes, ${maxBytes} at most can be sent: ZooKeeper would cut the connection`,
    { details: { operation, path, bytes, maxBytes } },
  )
}

/** True for errors that are no answer: the connection or the session ended, and the same call may be made again. */
export function isConnectionError(error: unknown): boolean {
  return isGroupError(error, 'ZOOKEEPER_DISCONNECTED') || isGroupError(error, 'SESSION_EXPIRED')
}
