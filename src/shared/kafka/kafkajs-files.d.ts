/** Files of kafkajs below its public surface. What is used of them is typed where they are imported. */
declare module 'kafkajs/src/network/connection.js' {
  const Connection: unknown
  export default Connection
}
declare module 'kafkajs/src/network/requestQueue/index.js' {
  const RequestQueue: unknown
  export default RequestQueue
}
declare module 'kafkajs/src/protocol/encoder.js' {
  const Encoder: unknown
  export default Encoder
}
declare module 'kafkajs/src/protocol/requests/apiVersions/index.js' {
  const ApiVersions: unknown
  export default ApiVersions
}
declare module 'kafkajs/src/protocol/requests/fetch/index.js' {
  const Fetch: unknown
  export default Fetch
}
declare module 'kafkajs/src/protocol/requests/listOffsets/index.js' {
  const ListOffsets: unknown
  export default ListOffsets
}
declare module 'kafkajs/src/protocol/requests/metadata/index.js' {
  const Metadata: unknown
  export default Metadata
}
