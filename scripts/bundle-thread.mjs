// node scripts/bundle-thread.mjs: puts what a worker thread runs into one file, dist/worker/thread.cjs. A thread that
// imports a hundred modules one by one takes most of its start for that, and lanes of a dead thread wait for a start.
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const inRoot = path => join(root, path)
const OUTPUT = inRoot('dist/worker/thread.cjs')
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
  const output = statSync(OUTPUT, { throwIfNoEntry: false })
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

async function bundle() {
  const { rolldown } = await import('rolldown') // takes longer to load than to see that there is nothing to do
  const made = await rolldown({
    input: inRoot('src/worker/entry.ts'),
    platform: 'node',
    tsconfig: inRoot('src/tsconfig.json'),
    external: id => LEFT_OUT.some(library => id === library || id.startsWith(`${library}/`)),
    onLog(level, { message }) {
      throw new Error(`bundling the threads: ${level}: ${message}`)
    },
  })
  // CommonJS: Node starts it in half the time that it takes for an ES module of the same size.
  await made.write({ file: OUTPUT, format: 'cjs', sourcemap: true, banner: notices() })
  await made.close()
}

if (!isFresh()) await bundle()
