#!/usr/bin/env bun
/** The executable: parses the command line and runs one command. */
import { run } from "./cli/program.ts";

process.exitCode = await run(process.argv.slice(2));
