/** The wire records of node-zookeeper-client, which its own types leave out. */
declare module 'node-zookeeper-client/lib/jute/index.js' {
  const jute: {
    Request: new (header: object, payload: object) => object
    TransactionRequest: new (ops: readonly object[]) => object
    protocol: { RequestHeader: new (xid: number, type: number) => object }
  }
  export default jute
}
