const FIXTURE = new URL('../../../test/fixtures/hostile-values.js', import.meta.url)

/** What makes each of the values that hurt whoever looks at them; handlers of the fixtures throw the same. */
export const { HOSTILE } = (await import(FIXTURE.href)) as {
  HOSTILE: Readonly<Record<string, () => unknown>>
}
