import { GroupError } from '../errors.ts'

/** Versions a broker speaks, by API key. */
export type ApiVersions = Readonly<
  Record<number, { readonly minVersion: number; readonly maxVersion: number }>
>

/** An API and the versions of it that this package encodes and decodes. */
export interface KnownApi {
  readonly key: number
  readonly name: string
  readonly min: number
  readonly max: number
}

/**
 * What this package sends. Each lower bound is Kafka 0.11: record batches v2 (Fetch), isolation levels (ListOffsets)
 * and metadata that creates no topic. Upper bounds are kafkajs's, except that of Metadata.
 */
export const KNOWN_APIS = {
  produce: { key: 0, name: 'Produce', min: 3, max: 7 },
  fetch: { key: 1, name: 'Fetch', min: 4, max: 11 },
  listOffsets: { key: 2, name: 'ListOffsets', min: 2, max: 3 },
  metadata: { key: 3, name: 'Metadata', min: 4, max: 12 },
  createTopics: { key: 19, name: 'CreateTopics', min: 2, max: 3 },
  initProducerId: { key: 22, name: 'InitProducerId', min: 0, max: 1 },
  saslAuthenticate: { key: 36, name: 'SaslAuthenticate', min: 0, max: 1 },
} as const satisfies Record<string, KnownApi>

/** The newest version that both sides speak; BROKER_UNSUPPORTED if there is none. kafkajs never looks at a broker's minimum. */
export function chooseVersion(api: KnownApi, versions: ApiVersions, broker: string): number {
  const theirs = versions[api.key]
  const version = Math.min(api.max, theirs?.maxVersion ?? -1)
  if (theirs !== undefined && version >= Math.max(api.min, theirs.minVersion)) return version
  const spoken = theirs === undefined ? 'no version' : `versions ${theirs.minVersion} to ${theirs.maxVersion}`
  throw new GroupError(
    'BROKER_UNSUPPORTED',
    `broker ${broker} speaks ${spoken} of ${api.name}; versions ${api.min} to ${api.max} are known here`,
    { details: { broker, api: api.name, ...theirs } },
  )
}
