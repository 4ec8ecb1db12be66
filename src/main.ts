#!/usr/bin/env bun
/** The executable: parses the command line and runs one command. */
import { run } from "./cli/program.ts";

// With it, Bun prints every request, the tokens in it included, to where the log goes.
if (process.env["BUN_CONFIG_VERBOSE_FETCH"] !== undefined) process.env["BUN_CONFIG_VERBOSE_FETCH"] = "false";

process.exitCode = await run(process.argv.slice(2));
