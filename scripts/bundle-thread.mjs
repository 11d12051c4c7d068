// node scripts/bundle-thread.mjs: puts what a worker thread runs into one file. To import a hundred modules one by one is
// most of the start of a thread, and for a start the lanes of a thread that died wait.
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const inRoot = path => join(root, path)
const LOGINS = inRoot('node_modules/kafkajs/src/broker/saslAuthenticator/index.js')
const OUTPUT = { thread: inRoot('dist/worker/thread.cjs'), logins: inRoot('dist/worker/logins.cjs') }
const { dependencies } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'))

/** Plain JavaScript that every thread needs. Everything else stays where it was installed: native, or seldom needed. */
const INCLUDED = ['kafkajs', 'comlink', 'zstddec']

const LEFT_OUT = Object.keys(dependencies).filter(library => !INCLUDED.includes(library))

/** Their licences ask for it. */
function notices() {
  const texts = INCLUDED.map(library => {
    const { version, license } = JSON.parse(
      readFileSync(inRoot(`node_modules/${library}/package.json`), 'utf8'),
    )
    return `${library} ${version} (${license})\n\n${readFileSync(inRoot(`node_modules/${library}/LICENSE`), 'utf8')}`
  })
  return `/*!\nThis file contains:\n\n${texts.join('\n\n').replaceAll('*/', '* /')}\n*/`
}

/** Not written anew for nothing: threads of a group that runs meanwhile start from it. */
function isFresh() {
  const output = statSync(OUTPUT.thread, { throwIfNoEntry: false })
  const inputs = [
    'dist/.tsbuildinfo',
    'node_modules/.package-lock.json',
    'package.json',
    'scripts/bundle-thread.mjs',
  ]
  return inputs.every(input => {
    const changed = statSync(inRoot(input), { throwIfNoEntry: false })
    return output !== undefined && (changed === undefined || changed.mtimeMs < output.mtimeMs)
  })
}

/** What kafkajs needs for a login is half of it, and loads node:crypto. Only a thread that logs in loads it. */
const loginsApart = {
  name: 'logins-apart',
  load(id) {
    if (id !== LOGINS) return
    return `const load = require('node:module').createRequire(__filename)
      module.exports = class { constructor(...given) { return new (load('./${basename(OUTPUT.logins)}'))(...given) } }`
  },
}

async function bundle(input, file, plugins) {
  const { rolldown } = await import('rolldown') // takes longer to load than to see that there is nothing to do
  const made = await rolldown({
    input,
    plugins,
    platform: 'node',
    tsconfig: inRoot('src/tsconfig.json'),
    external: id => LEFT_OUT.some(library => id === library || id.startsWith(`${library}/`)),
    onLog(level, { message }) {
      throw new Error(`bundling the threads: ${level}: ${message}`)
    },
  })
  // CommonJS: Node starts it in half the time that it takes for an ES module of the same size.
  await made.write({ file, format: 'cjs', sourcemap: true, comments: false, banner: notices() })
  await made.close()
}

if (!isFresh()) {
  await bundle(LOGINS, OUTPUT.logins, [])
  await bundle(inRoot('src/worker/entry.ts'), OUTPUT.thread, [loginsApart]) // last: it is what isFresh looks at
}
