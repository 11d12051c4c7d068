import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseVersion, KNOWN_APIS } from '#src/shared/kafka/api-versions.js'
import { thrown } from '../../../support/group-error.ts'

const { fetch } = KNOWN_APIS
const speaking = (
  minVersion: number,
  maxVersion: number,
): Record<number, { minVersion: number; maxVersion: number }> => ({
  [fetch.key]: { minVersion, maxVersion },
})

describe('choosing the version of a request', () => {
  it('takes the newest that both sides speak', () => {
    assert.equal(chooseVersion(fetch, speaking(0, 17), 'b:1'), 11)
    assert.equal(chooseVersion(fetch, speaking(4, 17), 'b:1'), 11)
    assert.equal(chooseVersion(fetch, speaking(0, 7), 'b:1'), 7)
  })

  it('refuses a broker that is too old, too new, or does not know the request', () => {
    for (const versions of [speaking(0, 3), speaking(12, 17), {}]) {
      const error = thrown(() => chooseVersion(fetch, versions, 'b:1'), 'BROKER_UNSUPPORTED')
      assert.match(error.message, /broker b:1 speaks .* of Fetch; versions 4 to 11 are known here/)
    }
  })
})
