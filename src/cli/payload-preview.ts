/** How much of a payload is shown. */
const PREVIEW_BYTES = 4_096

const UTF8 = new TextDecoder('utf-8', { fatal: true })
/** Control characters but tab and line ends: a terminal would obey them. */
const NOT_SHOWN = /[^\P{Cc}\t\n\r]/u

export interface PayloadPreview {
  readonly bytes: number
  readonly text?: string
  readonly hex?: string
  /** Only the beginning is shown. */
  readonly isCut?: true
}

/** What a person can read of a payload: text if it is text, else hexadecimal digits. Null for none. */
export function previewPayload(payload: Uint8Array | null): PayloadPreview | null {
  if (payload === null) return null
  const bytes = payload.length
  const isCut = bytes > PREVIEW_BYTES ? ({ isCut: true } as const) : {}
  const shown = Buffer.from(payload.buffer, payload.byteOffset, Math.min(bytes, PREVIEW_BYTES))
  const text = textOf(shown, bytes > PREVIEW_BYTES)
  return text === null ? { bytes, hex: shown.toString('hex'), ...isCut } : { bytes, text, ...isCut }
}

/** As `previewPayload`, on lines for a terminal. */
export function formatPayload(payload: Uint8Array | null): string {
  const preview = previewPayload(payload)
  if (preview === null) return 'null'
  const { bytes, text, hex, isCut } = preview
  const rest = isCut === true ? ` … (${bytes} bytes)` : ''
  return text === undefined ? `hex ${hex!}${rest}` : `${text}${rest}`
}

function textOf(shown: Buffer, isCut: boolean): string | null {
  try {
    const text = UTF8.decode(shown, { stream: isCut }) // a character that is cut through is left out
    if (isCut) flush()
    return NOT_SHOWN.test(text) ? null : text
  } catch {
    return null // not UTF-8
  }
}

/** Forgets the beginning of a character that a stream has left behind. */
function flush(): void {
  try {
    UTF8.decode()
  } catch {
    // it was cut through, as is expected
  }
}
