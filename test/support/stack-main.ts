// A program that starts a stack, to be killed, interrupted or badly equipped. Options come as JSON in its argument.
// It prints what it has started, or why not, as one JSON object, and then waits for its end.
import { isGroupError } from '#src/shared/errors.js'
import { startStack, type StackOptions } from '#src/stack/start-stack.js'

interface Wishes extends StackOptions {
  /** Leaves ZooKeeper frozen. */
  readonly freeze?: boolean
}

const wishes = JSON.parse(process.argv[2] ?? '{}') as Wishes

function tell(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

try {
  const stack = await startStack({ ...wishes, onProgress: progress => tell({ progress }) })
  if (wishes.freeze === true) await stack.zookeeperProcess.freeze()
  tell({ directory: stack.directory, pids: [stack.zookeeperProcess.pid, stack.brokerProcess(0).pid] })
  process.stdin.resume().on('end', () => process.exit(7)) // as a program that ends without a thought for its stack
} catch (error) {
  if (!isGroupError(error)) throw error
  tell({ code: error.code, message: error.message })
}
