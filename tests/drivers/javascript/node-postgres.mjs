// The workload by node-postgres, pg-cursor and pg-copy-streams.
import { setTimeout } from "node:timers/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import pg from "pg";
import Cursor from "pg-cursor";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import { address, authority, echo, run, shown, sums, table, values } from "./workload.mjs";

async function connect({ password = "secret", tls = false } = {}) {
  const login = new URL(address);
  login.password = password;
  const client = new pg.Client({ connectionString: login.href, ssl: tls && { ca: authority } });
  await client.connect();
  return client;
}

const client = await connect();
const rowsOf = (result) => result.rows.map((row) => row.map((value, i) => shown(value, result.fields[i].dataTypeID)));
const ask = (sql, params = []) => client.query({ text: sql, values: values(params), rowMode: "array" });

const driver = {
  async login(step) {
    const other = await connect(step);
    const { rows } = await other.query({ text: "select current_user", rowMode: "array" });
    await other.end();
    return { rows };
  },
  async simple(step) {
    await client.query(step.sql);
    return { done: true };
  },
  async several(step) {
    return { results: (await client.query({ text: step.sql, rowMode: "array" })).map(rowsOf) };
  },
  async query(step) {
    const result = await ask(step.sql, step.params);
    return table(result.fields.map((field) => field.name), rowsOf(result));
  },
  async execute(step) {
    return { count: (await ask(step.sql, step.params)).rowCount };
  },
  async prepared(step) {
    const each = [];
    for (const params of step.sets) {
      each.push(rowsOf(await client.query({ name: "w_prepared", text: step.sql, values: values(params), rowMode: "array" })));
    }
    return { each };
  },
  async nested(step) {
    for (const sql of ["begin", step.outer, "savepoint w_inner", step.inner]) await client.query(sql);
    try {
      for (const sql of ["rollback to w_inner", step.after, "commit"]) await client.query(sql);
    } catch (error) {
      await client.query("rollback");
      throw error;
    }
    return { done: true };
  },
  async batch(step) {
    // Queued by the client, which sends one after the other.
    const results = await Promise.allSettled(step.sets.map((params) => ask(step.sql, params)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    return { count: results.reduce((count, result) => count + result.value.rowCount, 0) };
  },
  async describe(step) {
    const { fields } = await client.query(`select * from ${step.table} where false`);
    const types = [];
    for (const field of fields) {
      const { rows } = await client.query("select typname from pg_type where oid = $1", [field.dataTypeID]);
      types.push([field.name, rows[0].typname]);
    }
    return { types };
  },
  async copy_in(step) {
    const stream = client.query(copyFrom(`copy ${step.table} (${step.columns}) from stdin (format csv)`));
    await pipeline(Readable.from([step.data]), stream);
    return { count: stream.rowCount };
  },
  async copy_bad(step) {
    return await this.copy_in(step);
  },
  async copy_out(step) {
    return { text: await text(client.query(copyTo(`copy (${step.query}) to stdout (format csv)`))) };
  },
  async notify(step) {
    await client.query(`listen ${step.channel}`);
    const heard = new Promise((resolve) => client.once("notification", (message) => resolve(message.payload)));
    const other = await connect();
    await other.query("select pg_notify($1, $2)", [step.channel, step.payload]);
    await other.end();
    const payload = await heard;
    await client.query(`unlisten ${step.channel}`);
    return { payload };
  },
  async sum(step) {
    return sums((await client.query(step.sql)).rows);
  },
  async portions(step) {
    const cursor = client.query(new Cursor(step.sql));
    const rows = [];
    for (;;) {
      const portion = await cursor.read(step.size);
      if (!portion.length) return sums(rows);
      rows.push(...portion);
    }
  },
  async first(step) {
    const cursor = client.query(new Cursor(step.sql));
    const rows = await cursor.read(step.size);
    await cursor.close();
    return { rows: rows.map((row) => [shown(row.id), shown(row.name)]) };
  },
  async echo(step) {
    const sent = step.repeat.repeat(step.times);
    return echo(sent, (await client.query(step.sql, [sent])).rows[0].v);
  },
  async cancel(step) {
    const work = this.query({ ...step, params: [] });
    work.catch(() => {}); // it is awaited below
    const other = await connect();
    while ((await other.query({ text: step.watch, values: [client.processID], rowMode: "array" })).rows[0][0] !== "1") {
      await setTimeout(10);
    }
    await other.query("select pg_cancel_backend($1)", [client.processID]);
    await other.end();
    return await work;
  },
  async timeout(step) {
    await client.query(`set statement_timeout = ${step.milliseconds}`);
    try {
      return await this.query({ ...step, params: [] });
    } finally {
      await client.query("set statement_timeout = 0");
    }
  },
};

await run(driver, (error) => error instanceof pg.DatabaseError && error.code);
await client.end();
