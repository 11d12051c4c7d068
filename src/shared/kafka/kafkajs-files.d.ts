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
declare module 'kafkajs/src/protocol/requests/index.js' {
  const requests: unknown
  export default requests
}
