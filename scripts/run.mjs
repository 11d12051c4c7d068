// node scripts/run.mjs <program> [arguments]: runs a compiled program of this repository also on a fresh clone, after
// installing and building what is missing. Plain JavaScript without dependencies, because there may be none yet.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const inRoot = path => join(root, path)
const readJson = path => JSON.parse(readFileSync(inRoot(path), 'utf8'))

function requireNode() {
  const wanted = readJson('package.json').engines.node.replace('>=', '')
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  fail(`this needs Node.js ${wanted} or later, and ${process.execPath} is ${process.versions.node}`)
}

/** npm keeps a copy of the lock file beside what it installed; packages of other systems are not in it. */
function isInstalled() {
  if (!existsSync(inRoot('node_modules/.package-lock.json'))) return false
  const installed = readJson('node_modules/.package-lock.json').packages
  return Object.entries(readJson('package-lock.json').packages).every(
    ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
  )
}

function install() {
  say('installing dependencies (npm install), once …')
  // Not `npm ci`: it refuses a lock file made where a registry lacked some other system's optional package.
  execute(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    'npm install failed',
  )
}

/** Both look themselves at what has changed. */
function build() {
  if (!existsSync(inRoot('dist/index.js'))) say('compiling (tsc -b), once …')
  const compiler = inRoot('node_modules/typescript/bin/tsc')
  execute(process.execPath, [compiler, '-b'], 'the compiler found errors')
  execute(process.execPath, [inRoot('scripts/bundle-thread.mjs')], 'the threads could not be bundled')
}

function execute(command, args, failure) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && command === 'npm',
  })
  if (error !== undefined) fail(`${command} could not be started: ${error.message}`)
  if (status !== 0) fail(`${failure}: see above`)
}

function say(text) {
  console.error(text)
}

function fail(text) {
  say(text)
  process.exit(1)
}

requireNode()
if (!isInstalled()) install()
build()
const program = inRoot(process.argv[2])
process.argv.splice(1, 2, program)
await import(pathToFileURL(program).href)
