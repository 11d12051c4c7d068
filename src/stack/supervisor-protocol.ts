/** What the two sides of src/stack/supervisor.ts say to each other over Node's channel between processes. */

export type ServerSignal = 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'

export interface Launch {
  readonly type: 'launch'
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Gets standard output and standard error, appended. */
  readonly logFile: string
}

export interface Signal {
  readonly type: 'signal'
  readonly name: string
  readonly signal: ServerSignal
}

/** Not answered, the exit is the answer: kill every server, remove a temporary directory, exit. */
export interface End {
  readonly type: 'end'
}

/** Not answered, the exit is the answer: exit and leave the servers running. */
export interface Release {
  readonly type: 'release'
}

export type SupervisorRequest = ((Launch | Signal) & { readonly id: number }) | End | Release

/** Answer to a launch (`pid`) or a signal (`signalled`: false when the server has exited before). */
export interface Answer {
  readonly type: 'answer'
  readonly id: number
  readonly pid?: number
  readonly signalled?: boolean
  readonly error?: string
}

export interface Ready {
  readonly type: 'ready'
  readonly directory: string
}

export interface Exited {
  readonly type: 'exited'
  readonly name: string
  readonly pid: number
}

export type SupervisorMessage = Answer | Ready | Exited
