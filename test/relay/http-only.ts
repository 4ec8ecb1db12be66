/** Loaded before a process of ours (`bun --preload`): it knows no dialect but HTTP/1.1 then, as ClusterLink's gateways. */
import { plugin } from "bun";

plugin({
  name: "http-only",
  setup(build) {
    build.onLoad({ filter: /\/src\/wire\/dialects\.ts$/ }, () => ({
      contents: 'export const ALPN_LIST = "\\x08http/1.1";',
      loader: "ts",
    }));
  },
});
