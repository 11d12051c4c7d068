#!/usr/bin/env node
/**
 * Makes docs/options.md from the doc comments of src/options/types.ts, so that there is one place to write them.
 *
 *   node scripts/generate-options-doc.mjs            writes the page
 *   node scripts/generate-options-doc.mjs --check    exits 1 if the page is not current
 *   node scripts/generate-options-doc.mjs --json     prints what was read: path, type, default, text
 */
import { readFile, writeFile } from 'node:fs/promises'
import prettier from 'prettier'
import ts from 'typescript'

const SOURCE = new URL('../src/options/types.ts', import.meta.url)
const PAGE = new URL('../docs/options.md', import.meta.url)
const ROOT = 'RunGroupOptions'

const interfaces = readInterfaces(await readFile(SOURCE, 'utf8'))
const options = readOptions(ROOT, '')

if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify(options, null, 2)}\n`)
} else if (process.argv.includes('--check')) {
  if ((await readFile(PAGE, 'utf8')) !== (await page())) {
    process.stderr.write('docs/options.md is not current: run `npm run docs`\n')
    process.exitCode = 1
  }
} else {
  await writeFile(PAGE, await page())
}

function readInterfaces(text) {
  const file = ts.createSourceFile('types.ts', text, ts.ScriptTarget.Latest, true)
  const found = file.statements.filter(ts.isInterfaceDeclaration)
  return new Map(found.map(declaration => [declaration.name.text, declaration]))
}

/** Every option below an interface, depth first, each with the path users write. */
function readOptions(name, parent) {
  return interfaces.get(name).members.flatMap(member => {
    const path = `${parent}${member.name.getText()}`
    const inner = innerInterface(member)
    const option = {
      path,
      type: typeText(member),
      required: member.questionToken === undefined,
      group: inner !== undefined,
      text: docText(member),
      default: defaultText(member),
    }
    return inner === undefined ? [option] : [option, ...readOptions(inner, `${path}.`)]
  })
}

/** The interface of this file that an option's value may be, if its type names one. */
function innerInterface(member) {
  const parts = ts.isUnionTypeNode(member.type) ? member.type.types : [member.type]
  return parts.map(part => part.getText()).find(text => interfaces.has(text))
}

function typeText(member) {
  const text = member.type.getText().replace(/\s+/g, ' ')
  return text.replace(/ \| undefined$/, '')
}

function docText(member) {
  const [doc] = member.jsDoc ?? []
  if (doc === undefined) throw new Error(`${member.name.getText()} has no doc comment`)
  return oneLine(ts.getTextOfJSDocComment(doc.comment) ?? '')
}

function defaultText(member) {
  const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'defaultValue')
  return tag === undefined ? null : oneLine(ts.getTextOfJSDocComment(tag.comment) ?? '')
}

function oneLine(text) {
  return text.replace(/\s*\n\s*/g, ' ').trim()
}

function page() {
  const text = [
    '# Options',
    '<!-- Made by scripts/generate-options-doc.mjs from src/options/types.ts: change the comments there. -->',
    'What `runGroup(handlerModule, options)` takes, and `kwg run --config FILE` as JSON. Unknown names are refused;',
    'a key whose value is `undefined` counts as not given; every problem is reported at once.',
    '',
    '| option | default |',
    '| --- | --- |',
    ...options.map(option => `| [\`${option.path}\`](#${anchor(option.path)}) | ${tableDefault(option)} |`),
    '',
    ...options.flatMap(section),
  ].join('\n')
  return prettier.format(text, { parser: 'markdown' })
}

function section(option) {
  const facts = [`\`${option.type.replaceAll('`', "'")}\``, defaultFact(option)].filter(fact => fact !== '')
  return [`## \`${option.path}\``, '', facts.join(' · '), '', option.text, '']
}

function defaultFact(option) {
  if (option.required) return 'required'
  return option.default === null ? '' : `default: ${code(option.default)}`
}

function tableDefault(option) {
  if (option.required) return option.path.includes('.') ? 'required in its object' : '**required**'
  return option.default === null ? '' : code(option.default)
}

/** Values are code, explanations are text. */
function code(text) {
  const isValue = /^('.*'|[\d_]+|true|false|[a-z]+\.[a-zA-Z]+\(\))$/.test(text)
  return isValue ? `\`${text}\`` : text
}

/** As the hosting sites make it from a heading. */
function anchor(path) {
  return path.toLowerCase().replace(/[^a-z0-9-]/g, '')
}
