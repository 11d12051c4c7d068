import tseslint from 'typescript-eslint'
import importX from 'eslint-plugin-import-x'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'

const inCoordinator = folder => `./src/coordinator/${folder}`

/** Which folder may not import which: coordinator and worker meet only in shared. */
const zones = [
  {
    target: './src/coordinator',
    from: './src/worker',
    message: 'coordinator and worker meet only in shared',
  },
  {
    target: './src/worker',
    from: './src/coordinator',
    message: 'coordinator and worker meet only in shared',
  },
  {
    target: ['storage', 'assignment', 'progress', 'kafka', 'dead-letters', 'threads'].map(inCoordinator),
    from: ['partitions', 'lanes', 'topics', 'rebalance', 'visits'].map(inCoordinator),
    message: 'what partitions are built on knows none of them',
  },
  {
    target: ['partitions', 'visits'].map(inCoordinator),
    from: ['lanes', 'topics', 'rebalance'].map(inCoordinator),
    message: 'partitions know nothing of what decides about them, and a visit does without any of it',
  },
  {
    target: './src/shared',
    from: ['./src/coordinator', './src/worker', './src/cli', './src/stack', './src/options'],
    message: 'shared imports nothing above it',
  },
  {
    target: ['./src/coordinator', './src/worker', './src/shared', './src/options'],
    from: ['./src/cli', './src/stack', './src/dead-letters', './src/run-group.ts'],
    message: 'the library does not know its command line, its development stack or its composition root',
  },
]

/** The library on the left is imported only by the files on the right. */
const owners = {
  kafkajs: ['src/shared/kafka/**', 'src/stack/broker-check.ts'],
  'node-zookeeper-client': [
    'src/coordinator/storage/zookeeper/client.ts',
    'src/coordinator/storage/zookeeper/connection.ts',
  ],
  piscina: ['src/coordinator/threads/thread-pool.ts'],
  comlink: ['src/coordinator/threads/worker-thread.ts', 'src/worker/entry.ts'],
  zod: ['src/options/**'],
  commander: ['src/cli/**'],
  pino: ['src/shared/logger.ts'],
  msgpackr: ['src/worker/decode/value-decoders.ts', 'src/coordinator/packed-lists.ts'],
  snappy: ['src/worker/decode/codecs/**'],
  'lz4-napi': ['src/worker/decode/codecs/**'],
  zstddec: ['src/worker/decode/codecs/**'],
  '@node-rs/crc32': [
    'src/worker/decode/batch-header.ts',
    'src/worker/decode/old-messages.ts',
    'src/shared/kafka/record-batch.ts',
  ],
}

const ownedBy = path =>
  Object.entries(owners)
    .filter(([, files]) => !files.includes(path))
    .map(([name]) => ({ name, message: `only ${owners[name].join(', ')} may import ${name}` }))

export default tseslint.config(
  { ignores: ['dist/**', '.build/**', 'node_modules/**', 'test/fixtures/handlers/modules/syntax-error.*'] },
  ...tseslint.configs.strictTypeChecked.map(config => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: {
      // Without these two the plugin skips files that are TypeScript, and finds no cycle.
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: ['src', 'test', 'bench'] })],
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/require-await': 'off',
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
    },
  },
  { files: ['src/**/*.ts'], rules: { 'no-restricted-imports': ['error', { paths: ownedBy('') }] } },
  ...[...new Set(Object.values(owners).flat())].map(path => ({
    files: [path],
    rules: { 'no-restricted-imports': ['error', { paths: ownedBy(path) }] },
  })),
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              package: 'node:test',
              name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'],
            },
          ],
        },
      ],
    },
  },
)
