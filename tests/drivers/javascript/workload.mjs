// What both programs share: the steps, values as the workload writes them, one JSON line per step.
import { readFileSync } from "node:fs";

const [workload, url, ca] = process.argv.slice(2);
export const steps = JSON.parse(readFileSync(workload, "utf8"));
export const address = new URL(url);
export const authority = readFileSync(ca, "utf8");

const PARSERS = {
  float8: Number,
  bool: (text) => text === "true",
  bytea: (text) => Buffer.from(text, "hex"),
  timestamp: (text) => new Date(`${text}Z`), // the process's time zone is UTC
  timestamptz: (text) => new Date(text),
  json: JSON.parse,
  int4: Number,
  "int4[]": (texts) => texts.map(Number),
};

/** The parameters of a step as JavaScript's values: int8, numeric, date and uuid stay texts. */
export function values(params) {
  return params.map(([kind, value]) => (value === null || !PARSERS[kind] ? value : PARSERS[kind](value)));
}

/** A value that a driver has read; `type` is the OID of its column. */
export function shown(value, type) {
  if (value === null) return null;
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (value instanceof Date) {
    const text = value.toISOString();
    return type === 1082 ? text.slice(0, 10) : type === 1114 ? text.slice(0, -1) : text;
  }
  if (Array.isArray(value)) return value.map((each) => shown(each));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export const table = (columns, rows) => (rows.length ? { columns, rows } : { rows });

export const sums = (rows) => ({ count: rows.length, sum: String(rows.reduce((sum, row) => sum + row.id, 0)) });

export const echo = (sent, received) => ({ length: Buffer.byteLength(received), same: received === sent });

/** Run every step; `refused(error)` is the SQLSTATE of a server's error, or undefined. */
export async function run(driver, refused) {
  for (const step of steps) {
    let answer = { unsupported: true };
    try {
      if (driver[step.do]) answer = await driver[step.do](step);
    } catch (error) {
      if (!refused(error)) throw error;
      answer = { error: refused(error) };
    }
    console.log(JSON.stringify({ step: step.name, ...answer }));
  }
}
