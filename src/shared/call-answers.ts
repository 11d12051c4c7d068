import { fromWire, toWire, type ErrorWire } from './error-wire.ts'

/**
 * What a call across threads answers. Comlink would drop an error's code, details and cause, and its own way to carry
 * something else is one table for the whole process, which belongs to the application.
 */
export type Answer<T> = { readonly ok: T } | { readonly error: ErrorWire }

/** An interface as it crosses a port. */
export type Answering<Api> = {
  [Name in keyof Api]: Api[Name] extends (...given: infer Given) => infer Value
    ? (...given: Given) => Promise<Answer<Awaited<Value>>>
    : never
}

type Method = (...given: unknown[]) => unknown

/** The side that is called: its methods as they are to be exposed. */
export function answering<Api extends object>(api: Api): Answering<Api> {
  const methods = Object.entries(api as Record<string, Method>)
  return Object.fromEntries(
    methods.map(([name, method]) => [name, (...given: unknown[]) => answerOf(() => method(...given))]),
  ) as Answering<Api>
}

/** The side that calls: what the other side returned, or throws what it threw. */
export async function outcome<T>(answer: Promise<Answer<T>>): Promise<T> {
  const settled = await answer
  if ('error' in settled) throw fromWire(settled.error)
  return settled.ok
}

async function answerOf(call: () => unknown): Promise<Answer<unknown>> {
  try {
    return { ok: await call() }
  } catch (thrown) {
    return { error: toWire(thrown) }
  }
}
