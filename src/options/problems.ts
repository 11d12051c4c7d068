import { inspect } from 'node:util'
import type { z } from 'zod'
import { GroupError } from '../shared/errors.ts'
import { withoutCredentials } from '../shared/host-port.ts'
import { unknownNameHint } from './closest-name.ts'

/** One thing that is wrong with the options. */
export interface OptionProblem {
  /** Such as `fetch.maxWaitMs` or `topics[1]`; '' for the options themselves. */
  readonly path: string
  /** The value as far as it may be shown: never a secret, never the content of an object. */
  readonly given: string
  /** What would be right; for an unknown option which one was probably meant. */
  readonly expected: string
}

type Path = readonly PropertyKey[]
type Issue = z.core.$ZodIssue

const MAX_SHOWN_CHARACTERS = 80
const MAX_LISTED_PROBLEMS = 20

/** What stands for `given` when nothing was, and for a key that no option has. */
const MISSING = 'nothing'
const UNKNOWN = 'an unknown option'

/** What zod found, in our words. */
export function problemsOf(issues: readonly Issue[], given: unknown): OptionProblem[] {
  return issues.flatMap(issue => problemsOfIssue(issue, [], given))
}

/** One error for all problems. */
export function invalidOptions(problems: readonly OptionProblem[]): GroupError {
  const lines = problems.slice(0, MAX_LISTED_PROBLEMS).map(formatProblem)
  const left = problems.length - lines.length
  const rest = left > 0 ? [`and ${left} more`] : []
  const count = problems.length === 1 ? 'invalid options' : `invalid options (${problems.length} problems)`
  return new GroupError('CONFIG_INVALID', `${count}: ${[...lines, ...rest].join('; ')}`, {
    details: { problems },
  })
}

function formatProblem({ path, given, expected }: OptionProblem): string {
  const where = path === '' ? 'options' : path
  if (given === MISSING) return `${where}: missing, expected ${expected}`
  if (given === UNKNOWN) return `${where}: unknown option, ${expected}`
  return `${where}: got ${given}, expected ${expected}`
}

/** A value for the report. Objects are named by their kind only, because anything may be in them. */
export function showValue(path: string, value: unknown): string {
  if (value === undefined) return MISSING
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'function') return 'a function'
  if (isSecret(path)) return `a ${typeof value} (not shown)`
  if (typeof value === 'string') return cut(JSON.stringify(withoutCredentials(value)))
  return cut(inspect(value))
}

function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = cut(String(key))
    return text === '' ? name : `${text}.${name}`
  }, '')
}

function problemsOfIssue(issue: Issue, parent: Path, given: unknown): OptionProblem[] {
  const path = [...parent, ...issue.path]
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownKey(path, key))
  if (issue.code === 'invalid_union') {
    const branch = intendedBranch(issue.errors)
    if (branch !== null) return branch.flatMap(inner => problemsOfIssue(inner, path, given))
  }
  const text = pathText(path)
  return [{ path: text, given: showValue(text, valueAt(given, path)), expected: issue.message }]
}

/** Of the alternatives of a union the one whose own type fits: its inner problems say more than "none fits". */
function intendedBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const fitting = branches.filter(issues => !issues.some(isWrongKind))
  return fitting.length === 1 ? fitting[0]! : null
}

function isWrongKind(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_union')
}

function unknownKey(path: Path, key: string): OptionProblem {
  return {
    path: pathText([...path, key]),
    given: UNKNOWN,
    expected: unknownNameHint(pathText(path), key),
  }
}

function valueAt(given: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Partial<Record<PropertyKey, unknown>> | null | undefined)?.[key],
    given,
  )
}

/** User names count as secrets too; which mechanism was asked for does not. */
function isSecret(path: string): boolean {
  return /^kafka\.(sasl|ssl)(\.|$)/.test(path) && path !== 'kafka.sasl.mechanism'
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN_CHARACTERS ? text : `${text.slice(0, MAX_SHOWN_CHARACTERS)}…`
}
