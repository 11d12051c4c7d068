/** How this process connects to every broker: one value for coordinator and workers. Structured-cloneable except `sasl.oauthBearerProvider`. */
export interface KafkaConnectionOptions {
  readonly clientId: string
  readonly ssl: boolean | Readonly<Record<string, unknown>> | null
  readonly sasl: SaslOptions | null
  readonly connectionTimeoutMs: number
  readonly requestTimeoutMs: number
}

export type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | { readonly mechanism: 'oauthbearer'; readonly oauthBearerProvider: () => Promise<{ value: string }> }
