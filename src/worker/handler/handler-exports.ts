import type { BatchHandlerModule, DecodeOption, RecordHandlerModule } from '../../handler.ts'
import { GroupError, isGroupError, messageOf } from '../../shared/errors.ts'
import type { WorkerSettings } from '../../shared/protocol.ts'

const HOOKS = ['setup', 'teardown', 'claimed', 'released'] as const
const FUNCTIONS = [...HOOKS, 'retry', 'handleBatch'] as const
const OPTIONAL = ['decode', ...FUNCTIONS] as const
const DECODERS = ['buffer', 'string', 'json', 'msgpack']

/** A handler module with its decoder filled in: with either `handle` or `handleBatch`. */
export type LoadedHandler = (RecordHandlerModule | BatchHandlerModule) & { readonly decode: DecodeOption }

type Exports = Readonly<Record<string, unknown>>
type Invalid = (problem: string) => GroupError

/**
 * Reads the contract out of an imported module. The handler is the default export, or `handle` of a default-exported
 * object (`defineHandler`, `module.exports = { … }`); `decode`, `retry`, the hooks, and `handleBatch` in place of the
 * handler stand in that object, on that function, or beside it as exports of their own. Each function is bound to what it stands in, so that `this` is the object that
 * was exported. HANDLER_MODULE_INVALID names what was found instead, or what a getter of the module threw.
 */
export function readHandlerExports(imported: object, path: string): LoadedHandler {
  try {
    return readContract(unwrapCompiledCommonJs(imported as Exports), problem => moduleInvalid(path, problem))
  } catch (thrown) {
    if (isGroupError(thrown, 'HANDLER_MODULE_INVALID')) throw thrown
    throw moduleInvalid(path, `threw while its exports were read: ${messageOf(thrown)}`, thrown)
  }
}

function readContract(module: Exports, invalid: Invalid): LoadedHandler {
  const main = module['default']
  const sources = isObjectLike(main) ? [main as Exports, module] : [module]
  const found = Object.fromEntries(
    OPTIONAL.map(name => [name, find(name, sources, invalid)] as const).filter(
      ([, value]) => value !== undefined,
    ),
  )
  for (const name of FUNCTIONS) {
    if (found[name] !== undefined && typeof found[name] !== 'function')
      throw invalid(`exports '${name}' as ${kindOf(found[name])}; it must be a function`)
  }
  const decode = checkDecode(found['decode'] ?? 'buffer', invalid)
  const handle = findHandle(main)
  if (handle !== undefined && found['handleBatch'] !== undefined)
    throw invalid("exports a handler and 'handleBatch'; keep the one that is to get the records")
  if (handle === undefined && found['handleBatch'] === undefined)
    throw invalid(`has no usable handler: ${describeExports(module)}`)
  return { ...(handle === undefined ? found : { ...found, handle }), decode } as LoadedHandler
}

/** HANDLER_MODULE_INVALID if the module cannot do what the options ask of it. */
export function checkBatching(
  { handleBatch }: LoadedHandler,
  { batchSize, batchWaitMs, ordering }: Pick<WorkerSettings, 'batchSize' | 'batchWaitMs' | 'ordering'>,
  path: string,
): void {
  if (handleBatch !== undefined && ordering !== 'partition')
    throw moduleInvalid(
      path,
      `exports 'handleBatch', but ordering is '${ordering}', which has no batches: export a handler of single records, or set ordering to 'partition'`,
    )
  if (handleBatch !== undefined || (batchSize === 1 && batchWaitMs === 0)) return
  const asked = batchSize > 1 ? `batchSize is ${batchSize}` : `batchWaitMs is ${batchWaitMs}`
  throw moduleInvalid(
    path,
    `exports no 'handleBatch', but ${asked}: a handler of single records gets no batches`,
  )
}

export function moduleInvalid(path: string, problem: string, cause?: unknown): GroupError {
  return new GroupError('HANDLER_MODULE_INVALID', `handler module ${path} ${problem}`, {
    details: { path },
    cause,
  })
}

/** CommonJS that a compiler made of ESM: the default import is the whole module, with its own `default` inside. */
function unwrapCompiledCommonJs(imported: Exports): Exports {
  const main = imported['default']
  if (!isObjectLike(main)) return imported
  const inner = main as Exports
  return inner['__esModule'] === true && 'default' in inner ? inner : imported
}

function findHandle(main: unknown): RecordHandlerModule['handle'] | undefined {
  if (!isObjectLike(main)) return undefined
  const handle = typeof main === 'function' ? main : (main as Exports)['handle']
  return typeof handle === 'function' ? (bind(handle, main) as RecordHandlerModule['handle']) : undefined
}

/** The same export may be seen twice (CommonJS names are also members of the default export), but not with two values. */
function find(name: string, sources: readonly Exports[], invalid: Invalid): unknown {
  const found = sources
    .map(source => ({ source, value: source[name] }))
    .filter(({ value }) => value !== undefined)
  if (new Set(found.map(({ value }) => value)).size > 1)
    throw invalid(`exports '${name}' twice: in the default export and beside it; keep one`)
  const [first] = found
  return typeof first?.value === 'function' ? bind(first.value, first.source) : first?.value
}

/** Once, at load: a call costs the same then as that of a plain function. */
function bind(called: object, self: object): unknown {
  return Function.prototype.bind.call(called as () => unknown, self)
}

function checkDecode(decode: unknown, invalid: Invalid): DecodeOption {
  if (typeof decode === 'function' || DECODERS.includes(decode as string)) return decode as DecodeOption
  const given = typeof decode === 'string' ? `'${decode}'` : kindOf(decode)
  throw invalid(`exports 'decode' as ${given}; it must be one of '${DECODERS.join("', '")}' or a function`)
}

function describeExports(module: Exports): string {
  const wanted =
    'export a function as the default export, or an object with a function `handle` or `handleBatch` (see defineHandler)'
  const main = module['default']
  if (isObjectLike(main)) {
    const keys = Object.keys(main)
    return `its default export is an object with ${keys.length === 0 ? 'no members' : `'${keys.join("', '")}'`}; ${wanted}`
  }
  if (main !== undefined) return `its default export is ${kindOf(main)}; ${wanted}`
  const names = Object.keys(module).filter(name => name !== 'default')
  return `it exports ${names.length === 0 ? 'nothing' : `'${names.join("', '")}' but no default`}; ${wanted}`
}

function isObjectLike(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
