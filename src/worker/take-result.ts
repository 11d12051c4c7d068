/**
 * Why a lane stopped taking:
 * - `more`: its time is up, or it has to look anew at what it can take
 * - `empty`: nothing is left to take
 * - `awaiting`: the handler returned a promise; `settled` is called when it is done
 * - `waiting`: the next record waits for its next attempt or its dead letter, or for the permission to run
 * - `held`: the lease is over, or the group is being stopped
 * - `failed`: `failed` or `feedFailed` was called
 */
export type TakeResult = 'more' | 'empty' | 'awaiting' | 'waiting' | 'held' | 'failed'
