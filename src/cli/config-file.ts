import { readFile } from 'node:fs/promises'
import { GroupError, messageOf } from '../shared/errors.ts'
import { jsonFault } from '../shared/json-fault.ts'

/**
 * The options of a configuration file: a JSON object with the same names as in `RunGroupOptions`. What is in it is
 * checked together with the flags, by the same resolver.
 */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  const content = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fileError(path, `cannot be read: ${messageOf(cause)}`, cause)
  })
  const parsed = parse(path, content)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw fileError(path, 'is not a JSON object')
  }
  return parsed as Record<string, unknown>
}

/** The part of it that finds a group; the rest says how to run a member. Nothing without a file. */
export async function readGroupConfig(path: string | undefined): Promise<Record<string, unknown>> {
  if (path === undefined) return {}
  const { groupId, zookeeper, kafka } = await readConfigFile(path)
  return { groupId, zookeeper, kafka }
}

/** The part of it that finds brokers. Nothing without a file. */
export async function readBrokerConfig(path: string | undefined): Promise<Record<string, unknown>> {
  const { zookeeper, kafka } = await readGroupConfig(path)
  return { zookeeper, kafka }
}

function parse(path: string, content: string): unknown {
  try {
    return JSON.parse(content)
  } catch (cause) {
    throw fileError(path, `is ${jsonFault(messageOf(cause))}`)
  }
}

function fileError(path: string, fault: string, cause?: unknown): GroupError {
  return new GroupError('CONFIG_INVALID', `the configuration file ${path} ${fault}`, {
    details: { path },
    cause,
  })
}
