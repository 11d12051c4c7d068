/** Versions a broker speaks, by API key. */
export type ApiVersions = Readonly<
  Record<number, { readonly minVersion: number; readonly maxVersion: number }>
>
