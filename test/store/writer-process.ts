/** Writes until it is killed, and says on standard output what was acknowledged: run by crash.test.ts. */
import { writeSync } from "node:fs";
import { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { anExport, GATEWAY_NAMESPACE } from "./objects.ts";

const [directory = ""] = process.argv.slice(2);
const store = new StandaloneStore({ directory, namespace: GATEWAY_NAMESPACE });
for (let i = 0; ; i++) {
  const made = await store.create("Export", anExport(`e${i}`));
  writeSync(1, `created e${i} ${made.metadata.resourceVersion}\n`);
  const changed = await store.update("Export", { ...made, spec: { port: 1 + (i % 65535) } });
  writeSync(1, `updated e${i} ${changed.metadata.resourceVersion}\n`);
  if (i % 2 === 1) {
    const gone = await store.delete("Export", "default", `e${i}`);
    writeSync(1, `deleted e${i} ${gone.metadata.resourceVersion}\n`);
  }
}
