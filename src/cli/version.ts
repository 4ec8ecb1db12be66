/** `clusterlink version`. */
import { type Command, Option } from "commander";
import { asJson, print } from "./output.ts";
import { COMMIT, VERSION } from "./version-number.ts";

/** Adds `version` to the program. */
export function addVersionCommand(program: Command): void {
  program
    .command("version")
    .description("Shows the version of this executable, and the commit that it was built from.")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json"]))
    .addHelpText("after", "\nExamples:\n  clusterlink version\n  clusterlink version -o json")
    .action((options: { output?: "json" }) => {
      const platform = `${process.platform}/${process.arch}`;
      if (options.output === "json") print(asJson({ version: VERSION, commit: COMMIT, bun: Bun.version, platform }));
      else
        print(
          `clusterlink ${VERSION} (commit ${COMMIT.replace(/^([0-9a-f]{12})[0-9a-f]+/, "$1")}, Bun ${Bun.version}, ${platform})`,
        );
    });
}
