/** Writes the primitive types of the Kafka protocol, for scripted answers. */
export class WireWriter {
  readonly #parts: Buffer[] = []

  int16(value: number): this {
    return this.#put(2, bytes => bytes.writeInt16BE(value))
  }

  int32(value: number): this {
    return this.#put(4, bytes => bytes.writeInt32BE(value))
  }

  int64(value: bigint | number): this {
    return this.#put(8, bytes => bytes.writeBigInt64BE(BigInt(value)))
  }

  boolean(value: boolean): this {
    return this.#put(1, bytes => bytes.writeInt8(value ? 1 : 0))
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const bytes = Buffer.from(value)
    this.int16(bytes.length)
    this.#parts.push(bytes)
    return this
  }

  bytes(value: Buffer | null): this {
    if (value === null) return this.int32(-1)
    this.int32(value.length)
    this.#parts.push(value)
    return this
  }

  array<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.int32(items?.length ?? -1)
    for (const item of items ?? []) write(item)
    return this
  }

  /** In seven bits each, the lowest first. */
  unsignedVarint(value: number): this {
    const bytes: number[] = []
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
    return this.raw(Buffer.from([...bytes, rest]))
  }

  compactString(value: string | null): this {
    if (value === null) return this.unsignedVarint(0)
    const bytes = Buffer.from(value)
    return this.unsignedVarint(bytes.length + 1).raw(bytes)
  }

  compactArray<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.unsignedVarint((items?.length ?? -1) + 1)
    for (const item of items ?? []) write(item)
    return this
  }

  /** As text in base64url; null is the id of all zeros. */
  uuid(value: string | null): this {
    return this.raw(value === null ? Buffer.alloc(16) : Buffer.from(value, 'base64url'))
  }

  /** Each under its number; none by default. */
  taggedFields(...fields: Buffer[]): this {
    this.unsignedVarint(fields.length)
    for (const [tag, field] of fields.entries())
      this.unsignedVarint(tag).unsignedVarint(field.length).raw(field)
    return this
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes)
    return this
  }

  end(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #put(length: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.alloc(length)
    write(bytes)
    this.#parts.push(bytes)
    return this
  }
}
