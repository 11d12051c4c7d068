#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addDeadLettersCommand } from './dead-letters.ts'
import { addDescribeCommand } from './describe.ts'
import { addDevCommand } from './dev.ts'
import { addOffsetsCommand } from './offsets.ts'
import { failureLine, watchReader } from './output.ts'
import { addRunCommand } from './run.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('kwg')
  .description('Kafka consumer groups over ZooKeeper, with handlers on worker threads')
  .version(version)
  .showHelpAfterError('(--help shows what is possible)')

addRunCommand(program)
addDescribeCommand(program)
addOffsetsCommand(program)
addDeadLettersCommand(program)
addDevCommand(program)

// Whoever reads may have seen enough (`| head`): a command that ends by itself does what it is to do all the same.
program.hook('preAction', (_, command) => {
  if (command.name() !== 'run') watchReader(() => {})
})

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${failureLine(error)}\n`)
  process.exitCode = 1
}
