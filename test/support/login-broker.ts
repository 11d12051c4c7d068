import type { Owner } from './cleanup.ts'
import { startFakeBroker, type FakeBroker, type FakeRequest } from './fake-broker.ts'
import { API, MODERN, type SpokenVersions } from './kafka-answers.ts'
import { WireWriter } from './wire-writer.ts'

export interface LoginScript {
  readonly errorCode?: number
  readonly mechanisms?: readonly string[]
  readonly versions?: SpokenVersions
}

/** Takes every password, unless an error code says otherwise; answers nothing but the login. */
export function startLoginBroker(owner: Owner, script: LoginScript = {}): Promise<FakeBroker> {
  const { errorCode = 0, mechanisms = ['PLAIN', 'OAUTHBEARER'], versions = MODERN } = script
  const onRequest = (request: FakeRequest): void => {
    const writer = new WireWriter().int16(request.apiKey === API.saslHandshake ? 0 : errorCode)
    if (request.apiKey === API.saslHandshake) writer.array(mechanisms, name => writer.string(name))
    else
      writer
        .string(errorCode === 0 ? null : 'no')
        .bytes(Buffer.alloc(0))
        .int64(0)
    request.answer(writer.end())
  }
  return startFakeBroker(owner, { versions, onRequest })
}
