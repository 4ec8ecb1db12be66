/** Operational logging: one line an event on stderr. The access log is apart, see access-log.ts. */

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

/** @returns a logger that writes what is at or above the level. An `Error` in a field is written with its code, message and cause. */
export function createLogger(options: LoggerOptions): Logger {
  const least = LOG_LEVELS.indexOf(options.level);
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const make = (fields: LogFields): Logger => {
    const at = (level: LogLevel) =>
      LOG_LEVELS.indexOf(level) < least
        ? () => {}
        : (message: string, more?: LogFields) => write(formatLine(options.format, level, message, { ...fields, ...more }));
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

function formatLine(format: "json" | "text", level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date().toISOString();
  if (format === "json") return `${JSON.stringify({ time, level, message, ...fields }, errorReplacer)}\n`;
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value, errorReplacer)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${pairs.join("")}\n`;
}

function errorReplacer(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, cause } = value;
  const code = "code" in value ? value.code : undefined;
  return { name, message, ...(code === undefined ? {} : { code }), ...(cause === undefined ? {} : { cause }) };
}
