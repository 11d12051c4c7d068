// npm run bench [-- scenario …] [--rounds N] [--json]: figures beside their references, from one run on a real stack.
import { parseArgs } from 'node:util'
import { startStack } from '#src/stack/start-stack.js'
import type { Figure, Scenario } from './lib/scenario.js'
import { async } from './scenarios/async.js'
import { cpuBound } from './scenarios/cpu-bound.js'
import { failures } from './scenarios/failures.js'
import { hotPartition } from './scenarios/hot-partition.js'
import { idle } from './scenarios/idle.js'
import { memory } from './scenarios/memory.js'
import { noneOrder } from './scenarios/none-order.js'
import { throughput } from './scenarios/throughput.js'

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  throughput,
  'cpu-bound': cpuBound,
  idle,
  memory,
  failures,
  'hot-partition': hotPartition,
  'none-order': noneOrder,
  async,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
})
const say = (text: string): void => console.error(text)
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS)
const unknown = names.filter(name => !(name in SCENARIOS))
if (unknown.length > 0)
  throw new Error(`no scenario ${unknown.join(', ')}: there are ${Object.keys(SCENARIOS).join(', ')}`)

const isMet = ({ ratio, bound }: Figure): boolean =>
  'min' in bound ? ratio >= bound.min : ratio <= bound.max

function print(figure: Figure): void {
  if (values.json) {
    console.log(JSON.stringify({ ...figure, met: isMet(figure) }))
    return
  }
  const bound = 'min' in figure.bound ? `at least ${figure.bound.min}` : `at most ${figure.bound.max}`
  console.log(
    `${figure.scenario}\n  ours      ${figure.ours}\n  reference ${figure.reference}\n  ratio     ${figure.ratio.toFixed(3)} (${bound}: ${isMet(figure) ? 'met' : 'MISSED'})\n`,
  )
}

for (const name of names) {
  const stack = await startStack({ onProgress: say })
  try {
    for (const figure of await SCENARIOS[name]!({ stack, rounds: Number(values.rounds), say })) print(figure)
  } finally {
    await stack.stop()
  }
}
