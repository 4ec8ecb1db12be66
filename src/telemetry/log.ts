/** Operational logging: one line an event on stderr. The access log is apart, see access-log.ts. */
import { escapeControls } from "./control-characters.ts";
import { LineWriter } from "./line-writer.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Record<string, unknown>;

export interface Logger {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  level: LogLevel;
  format: "json" | "text";
  /** Added to every line, for example `{role: "relay", relay: 0}`. */
  fields?: LogFields;
  /** Default: standard error. */
  write?: (line: string) => void;
}

/**
 * @returns a logger that writes what is at or above the level; what is below costs a call. An `Error` in a field is
 * written with its code, message and cause. Each event is one line, whatever its texts contain. Private keys and tokens
 * are left out wherever they stand. The default output never waits: what a stuck reader of standard error does not take
 * beyond 1 MiB is dropped, and the next line tells how many lines were.
 */
export function createLogger(options: LoggerOptions): Logger {
  const least = LOG_LEVELS.indexOf(options.level);
  const write = options.write ?? writeToStandardError;
  const make = (fields: LogFields): Logger => {
    const at = (level: LogLevel) =>
      LOG_LEVELS.indexOf(level) < least
        ? ignore
        : (message: string, more?: LogFields) =>
            write(formatLine(options.format, level, message, { ...fields, ...more }));
    return {
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      fatal: at("fatal"),
      with: (more) => make({ ...fields, ...more }),
    };
  };
  return make(options.fields ?? {});
}

let standardError: LineWriter | undefined;

function writeToStandardError(line: string): void {
  standardError ??= new LineWriter({
    fd: 2,
    interval: 0,
    limit: MAX_WAITING,
    dropNotice: (lines) =>
      `${JSON.stringify({ time: new Date().toISOString(), level: "warn", message: "log lines lost", lines })}\n`,
  });
  standardError.write(line);
}

function ignore(): void {
  // Below the level.
}

function formatLine(format: "json" | "text", level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date().toISOString();
  try {
    return redactText(format === "json" ? asJson(time, level, message, fields) : asText(time, level, message, fields));
  } catch {
    const unprintable = { fields: "[unprintable]" };
    return redactText(asJson(time, level, message, unprintable));
  }
}

/** The three come first, and no field takes their place. */
function asJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const head = { time, level, message };
  return `${escapeControls(JSON.stringify({ ...head, ...fields, ...head }, replace))}\n`;
}

function asText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${JSON.stringify(replace(key, value), replace)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${escapeControls(message + pairs.join(""))}\n`;
}

function replace(key: string, value: unknown): unknown {
  if (SECRET_FIELD.test(key)) return REDACTED;
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const { name, message, cause } = value;
  const code = "code" in value ? value.code : undefined;
  return { name, message, ...(code === undefined ? {} : { code }), ...(cause === undefined ? {} : { cause }) };
}

/** The last guard: no field should hold a secret in the first place. */
function redactText(line: string): string {
  if (!line.includes("PRIVATE KEY") && !line.includes("eyJ") && !line.includes("earer ")) return line;
  return line.replace(PRIVATE_KEY, REDACTED).replace(TOKEN, REDACTED).replace(BEARER, `Bearer ${REDACTED}`);
}

const MAX_WAITING = 1024 * 1024;
const REDACTED = "[redacted]";
const SECRET_FIELD = /^(?:authorization|cookie|.*(?:token|secret|password|passphrase|private_?key|authz_?keys?))$/i;
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?="|$))/g;
const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const BEARER = /\b[Bb]earer [\w.~+/=-]+/g;
