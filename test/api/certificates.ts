/**
 * Certificates for tests. `bun test` loads CommonJS modules in an order that varies from run to run; awaiting the
 * metadata library first makes sure that the certificate library finds it.
 */
await import("reflect-metadata");
const issue = await import("../../src/pki/issue.ts");

const { issueFabric, issuePeer } = issue;

export { issueFabric, issuePeer };
