/** What node:test tells of a run, as far as it is looked at here. */
export interface TestEvent {
  readonly type: string
  readonly data: {
    readonly message?: string
    readonly nesting?: number
    readonly todo?: boolean | string
    readonly file?: string
  }
}

/** A line of the summary at the end of a run, such as `pass 12`. */
const SUMMARY_LINE = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/

/** Several runs one after the other as if they were one: their summaries are added up and come at the end. */
export async function* inTurn(
  runs: readonly (() => Promise<AsyncIterable<TestEvent>>)[],
  onEvent: (event: TestEvent) => void,
): AsyncGenerator<TestEvent> {
  const totals = new Map<string, number>()
  let summary: TestEvent | undefined
  for (const start of runs) {
    for await (const event of await start()) {
      onEvent(event)
      if (isTotal(event)) addTo(totals, event)
      else if (event.type === 'test:summary' && event.data.file === undefined) summary = event
      else yield event
    }
  }
  for (const [name, value] of totals)
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${value}` } }
  if (summary !== undefined) yield summary
}

function isTotal({ type, data }: TestEvent): boolean {
  return type === 'test:diagnostic' && data.nesting === 0 && SUMMARY_LINE.test(data.message ?? '')
}

function addTo(totals: Map<string, number>, event: TestEvent): void {
  const [, name, value] = SUMMARY_LINE.exec(event.data.message ?? '')!
  totals.set(name!, (totals.get(name!) ?? 0) + Number(value))
}
