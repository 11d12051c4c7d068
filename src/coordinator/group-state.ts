import { StateMachine, type Move, type MoveTable } from '../shared/state-machine.ts'

/**
 * | state     | what is true inside it                                                                        |
 * | --------- | --------------------------------------------------------------------------------------------- |
 * | starting  | servers are being reached and everything checked; nothing has been written                    |
 * | joining   | the member registers and pins start offsets; all of it again if its session ends meanwhile    |
 * | running   | a member; owned partitions are worked off, others may still wait for their holder             |
 * | suspended | the lease is over but the session may live: no handler starts, nothing is committed           |
 * | rejoining | the session expired: every claim is void, a new session is being made                         |
 * | stopping  | draining, committing, releasing, leaving                                                      |
 * | stopped   | final: everything ended as asked                                                              |
 * | failed    | final: everything ended because of the error that `finished` rejects with                     |
 */
export type GroupState =
  'starting' | 'joining' | 'running' | 'suspended' | 'rejoining' | 'stopping' | 'stopped' | 'failed'

export const GROUP_MOVES: MoveTable<GroupState> = {
  starting: ['joining', 'stopping'],
  joining: ['running', 'stopping'],
  running: ['suspended', 'rejoining', 'stopping'],
  suspended: ['running', 'rejoining', 'stopping'],
  rejoining: ['running', 'stopping'],
  stopping: ['stopped', 'failed'],
  stopped: [],
  failed: [],
}

export function createGroupState(onMove: (move: Move<GroupState>) => void): StateMachine<GroupState> {
  return new StateMachine('group', GROUP_MOVES, 'starting', onMove)
}
