import { InvalidArgumentError, type Command } from 'commander'
import { devDown, devStatus, devUp, type DevStatus } from '../stack/dev.ts'
import { printJson } from './output.ts'

interface UpFlags {
  readonly zookeeperPort?: number
  readonly brokerPort?: number
  readonly brokers?: number
}

/** `kwg dev up | down | status`: the development stack of the current directory. */
export function addDevCommand(program: Command): void {
  const dev = program.command('dev').description('real ZooKeeper and Kafka on this machine, for development')
  withJson(dev.command('up'))
    .description('start them and leave them running; says so when they run already')
    .option('--zookeeper-port <port>', 'port of ZooKeeper (default: 2181)', port)
    .option('--broker-port <port>', 'port of broker 0, the others follow (default: 9092)', port)
    .option('--brokers <count>', 'how many brokers (default: 1)', brokerCount)
    .action((flags: UpFlags, command: Command) => up(flags, isJson(command)))
  withJson(dev.command('down'))
    .description('stop them and remove their data')
    .option('--keep-data', 'topics and offsets are there again after the next up')
    .action((flags: { keepData?: boolean }, command: Command) => down(flags, isJson(command)))
  const statusCommand = withJson(dev.command('status')).description('tell whether they run, and where')
  statusCommand.action(() => status(isJson(statusCommand)))
}

function withJson(command: Command): Command {
  return command.option('--json', 'one JSON object per line')
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true
}

async function up(flags: UpFlags, json: boolean): Promise<void> {
  const onProgress = (text: string): void => (json ? printJson({ progress: text }) : console.error(text))
  const result = await devUp({ ...flags, onProgress })
  if (json) printJson(result)
  else printStatus(result, result.alreadyUp ? 'already up' : 'up')
}

async function down({ keepData }: { keepData?: boolean }, json: boolean): Promise<void> {
  const wasUp = await devDown({ keepData: keepData === true })
  if (json) printJson({ state: 'down', wasUp })
  else console.log(wasUp ? 'down' : 'nothing to stop: no stack was started in this directory')
}

async function status(json: boolean): Promise<void> {
  const found = await devStatus()
  if (json) printJson(found)
  else printStatus(found, found.state)
}

function printStatus({ zookeeper, brokers, servers }: DevStatus, headline: string): void {
  console.log(headline)
  if (zookeeper !== undefined) console.log(`  --zookeeper ${zookeeper} --brokers ${brokers.join(',')}`)
  for (const { name, port, pid, running } of servers)
    console.log(`  ${name.padEnd(10)} port ${port}  pid ${pid}  ${running ? 'running' : 'ended'}`)
}

function port(text: string): number {
  return wholeNumber(text, 1, 65_535)
}

function brokerCount(text: string): number {
  return wholeNumber(text, 1, 9)
}

function wholeNumber(text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max)
    throw new InvalidArgumentError(`It has to be a whole number from ${min} to ${max}.`)
  return value
}
