/** `clusterlink create`: the certificates of a fabric. */
import { statSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { PkiError } from "../pki/errors.ts";
import { type FileToWrite, fabricFiles, peerFiles, readFabricFile, writeFiles } from "../pki/fabric-files.ts";
import type { IssueOptions, KeyType } from "../pki/issue.ts";
import { isSiteName, SITE_NAME_RULE } from "../pki/names.ts";
import { CliError } from "./errors.ts";
import { asJson, note, print } from "./output.ts";
import { shellWord } from "./shell-word.ts";

interface CreateOptions {
  name: string;
  path: string;
  keyType: KeyType;
  days: number;
  force?: true;
  output?: "json";
}

interface PeerOptions extends CreateOptions {
  fabric: string;
}

/** What `-o json` prints. */
interface Created {
  kind: "fabric" | "peer-cert";
  name: string;
  fabric: string;
  files: Record<string, string>;
  /** RFC 3339. */
  notAfter: string;
}

/** Adds `create fabric` and `create peer-cert` to the program. */
export function addCreateCommand(program: Command): void {
  const create = program
    .command("create")
    .description("Creates a fabric, or the certificate of a peer in it.")
    .addHelpText("after", EXAMPLES);
  const fabric = create
    .command("fabric")
    .description(
      "Creates the CA of a fabric: DIR/NAME/cert.pem and key.pem. Sites of one fabric trust each other's names.",
    )
    .requiredOption("--name <name>", "the fabric's name", siteName);
  addIssueOptions(fabric, 3650)
    .addHelpText("after", FABRIC_EXAMPLES)
    .action((options: CreateOptions) => told(createFabric(options)));
  const peer = create
    .command("peer-cert")
    .description("Creates the certificate of a peer: DIR/FABRIC/NAME/ca.pem, cert.pem and key.pem.")
    .requiredOption("--name <name>", "the peer's name, by which other sites know it", siteName)
    .requiredOption("--fabric <fabric>", "the fabric that it belongs to", siteName);
  addIssueOptions(peer, 365)
    .addHelpText("after", PEER_EXAMPLES)
    .action((options: PeerOptions) => told(createPeer(options)));
}

function addIssueOptions(command: Command, days: number): Command {
  return command
    .option("--path <dir>", "the folder that holds the fabric's folder", ".")
    .addOption(new Option("--key-type <type>", "the kind of key").choices(KEY_TYPES).default("ecdsa-p256"))
    .option("--days <n>", "how long it is valid, in days", wholeDays, days)
    .option("--force", "overwrite what is there")
    .addOption(new Option("-o, --output <format>", "print for programs").choices(["json"]));
}

async function createFabric(options: CreateOptions): Promise<void> {
  const { issueFabric } = await import("../pki/issue.ts");
  const files = fabricFiles(options.path, options.name);
  const { cert, key, notAfter } = await issueFabric(issueOptions(options));
  await write([secret(files.key, key), open(files.cert, cert)], options);
  const paths = { cert: files.cert, key: files.key };
  report(options, {
    kind: "fabric",
    name: options.name,
    fabric: options.name,
    files: paths,
    notAfter: rfc3339(notAfter),
  });
  if (options.output === undefined) note(nextAfterFabric(options));
}

async function createPeer(options: PeerOptions): Promise<void> {
  const authority = fabricFiles(options.path, options.fabric);
  const remedy = isThere(authority.cert)
    ? "run this as a user who may read it"
    : `create the fabric first: clusterlink create fabric --name ${options.fabric}${pathFlag(options)}`;
  const ca = { cert: await readFabricFile(authority.cert, remedy), key: await readFabricFile(authority.key, remedy) };
  const { issuePeer } = await import("../pki/issue.ts");
  const files = peerFiles(options.path, options.fabric, options.name);
  const { cert, key, notAfter } = await issuePeer(issueOptions(options), ca);
  await write([secret(files.key, key), open(files.cert, cert), open(files.ca, ca.cert)], options);
  const paths = { ca: files.ca, cert: files.cert, key: files.key };
  report(options, {
    kind: "peer-cert",
    name: options.name,
    fabric: options.fabric,
    files: paths,
    notAfter: rfc3339(notAfter),
  });
  if (options.output === undefined) note(nextAfterPeer(files.dir));
}

/** A file in a folder that may not be looked into counts as there. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function write(files: readonly FileToWrite[], options: CreateOptions): Promise<void> {
  return writeFiles(files, options.force ?? false);
}

function report(options: CreateOptions, created: Created): void {
  if (options.output === "json") {
    print(asJson(created));
    return;
  }
  for (const path of Object.values(created.files)) print(`wrote ${path}`);
  note(`valid until ${created.notAfter}`);
}

function nextAfterFabric(options: CreateOptions): string {
  const command = `clusterlink create peer-cert --fabric ${options.name} --name SITE${pathFlag(options)}`;
  return `Keep key.pem safe: whoever has it can create sites of this fabric.\nNext, for every site: ${command}`;
}

function nextAfterPeer(dir: string): string {
  return `Next, at that site (it needs these three files and nothing else of the fabric): clusterlink gateway --pki ${shellWord(dir)}`;
}

function pathFlag(options: CreateOptions): string {
  return options.path === "." ? "" : ` --path ${shellWord(options.path)}`;
}

function issueOptions({ name, keyType, days }: CreateOptions): IssueOptions {
  return { name, keyType, days };
}

function secret(path: string, text: string): FileToWrite {
  return { path, text, secret: true };
}

function open(path: string, text: string): FileToWrite {
  return { path, text, secret: false };
}

function rfc3339(time: number): string {
  return new Date(time).toISOString().replace(".000Z", "Z");
}

/** Turns what this project's PKI refuses into a failure of the command. */
async function told(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PkiError) throw new CliError("failed", error.message, { cause: error });
    throw error;
  }
}

function siteName(text: string): string {
  if (!isSiteName(text)) throw new InvalidArgumentError(`A name ${SITE_NAME_RULE}.`);
  return text;
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (!/^\d+$/.test(text) || days < 1 || days > MAX_DAYS) {
    throw new InvalidArgumentError(`Days are a whole number from 1 to ${MAX_DAYS}.`);
  }
  return days;
}

/** A hundred years. */
const MAX_DAYS = 36_500;

/** Those of pki/issue.ts, which is not loaded for a help text. */
const KEY_TYPES: readonly KeyType[] = ["ecdsa-p256", "rsa-2048", "rsa-4096"];

const EXAMPLES = `
Examples:
  clusterlink create fabric --name shop
  clusterlink create peer-cert --fabric shop --name berlin`;

const FABRIC_EXAMPLES = `
Examples:
  clusterlink create fabric --name shop
  clusterlink create fabric --name shop --path /secure --days 1825 --key-type rsa-4096`;

const PEER_EXAMPLES = `
Examples:
  clusterlink create peer-cert --fabric shop --name berlin
  clusterlink create peer-cert --fabric shop --name oslo --days 30 -o json

  # renew it, with a new key
  clusterlink create peer-cert --fabric shop --name berlin --force`;
