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
