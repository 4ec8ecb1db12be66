/** `clusterlink version`. */
import { type Command, Option } from "commander";
import { asJson, print } from "./output.ts";
import { VERSION } from "./version-number.ts";

/** Adds `version` to the program. */
export function addVersionCommand(program: Command): void {
  program
    .command("version")
    .description("Shows the version of this executable.")
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json"]))
    .addHelpText("after", "\nExamples:\n  clusterlink version\n  clusterlink version -o json")
    .action((options: { output?: "json" }) => {
      const platform = `${process.platform}/${process.arch}`;
      if (options.output === "json") print(asJson({ version: VERSION, bun: Bun.version, platform }));
      else print(`clusterlink ${VERSION} (Bun ${Bun.version}, ${platform})`);
    });
}
