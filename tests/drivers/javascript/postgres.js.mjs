// The workload by postgres.js.
import { setTimeout } from "node:timers/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import postgres from "postgres";
import { address, authority, echo, run, shown, sums, table, values } from "./workload.mjs";

function connect({ password = "secret", tls = false } = {}) {
  return postgres({
    host: address.hostname,
    port: Number(address.port),
    username: address.username,
    password,
    database: address.pathname.slice(1),
    ssl: tls && { ca: authority },
    connection: { application_name: "workload" },
    max: 1, // one session, so that transactions can be SQL
    onnotice: () => {},
  });
}

const sql = connect();
const rowsOf = (rows, columns) => [...rows].map((row) => [...row].map((value, i) => shown(value, columns[i].type)));
const ask = (text, params = []) => sql.unsafe(text, values(params));

const driver = {
  async login(step) {
    const other = connect(step);
    try {
      return { rows: [...(await other`select current_user`.values())].map((row) => [...row]) };
    } finally {
      await other.end();
    }
  },
  async simple(step) {
    await sql.unsafe(step.sql).simple();
    return { done: true };
  },
  async several(step) {
    const results = await sql.unsafe(step.sql).simple().values();
    return { results: [...results].map((rows) => rowsOf(rows, rows.columns)) };
  },
  async query(step) {
    const rows = await ask(step.sql, step.params).values();
    return table(rows.columns.map((column) => column.name), rowsOf(rows, rows.columns));
  },
  async execute(step) {
    return { count: (await ask(step.sql, step.params)).count };
  },
  async prepared(step) {
    const each = [];
    for (const params of step.sets) {
      const rows = await sql.unsafe(step.sql, values(params), { prepare: true }).values();
      each.push(rowsOf(rows, rows.columns));
    }
    return { each };
  },
  async nested(step) {
    await sql.begin(async (outer) => {
      await outer.unsafe(step.outer);
      const undo = new Error("undo");
      try {
        await outer.savepoint(async (inner) => {
          await inner.unsafe(step.inner);
          throw undo;
        });
      } catch (error) {
        if (error !== undo) throw error;
      }
      await outer.unsafe(step.after);
    });
    return { done: true };
  },
  async batch(step) {
    // Sent without waiting for answers.
    const results = await Promise.allSettled(step.sets.map((params) => ask(step.sql, params)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    return { count: results.reduce((count, result) => count + result.value.count, 0) };
  },
  async describe(step) {
    const { columns } = await sql.unsafe(`select * from ${step.table}`).describe();
    const types = [];
    for (const column of columns) {
      const [{ typname }] = await sql`select typname from pg_type where oid = ${column.type}`;
      types.push([column.name, typname]);
    }
    return { types };
  },
  async copy_in(step) {
    const stream = await sql.unsafe(`copy ${step.table} (${step.columns}) from stdin (format csv)`).writable();
    await pipeline(Readable.from([step.data]), stream);
    const [{ n }] = await sql.unsafe(`select count(*)::int4 as n from ${step.table}`);
    return { count: n }; // postgres.js tells none
  },
  // No copy_bad: an error after the last piece of data ends the stream in no way.
  async copy_out(step) {
    return { text: await text(await sql.unsafe(`copy (${step.query}) to stdout (format csv)`).readable()) };
  },
  async notify(step) {
    const other = connect();
    const payload = await new Promise((resolve, reject) => {
      other.listen(step.channel, resolve).then(() => sql.notify(step.channel, step.payload)).catch(reject);
    });
    await other.end();
    return { payload };
  },
  async sum(step) {
    return sums(await sql.unsafe(step.sql));
  },
  async portions(step) {
    const rows = [];
    await sql.unsafe(step.sql).cursor(step.size, (portion) => void rows.push(...portion));
    return sums(rows);
  },
  async first(step) {
    const rows = [];
    await sql.unsafe(step.sql).cursor(step.size, (portion) => {
      rows.push(...portion);
      return sql.CLOSE;
    });
    return { rows: rows.map((row) => [shown(row.id), shown(row.name)]) };
  },
  async echo(step) {
    const sent = step.repeat.repeat(step.times);
    return echo(sent, (await sql.unsafe(step.sql, [sent]))[0].v);
  },
  async cancel(step) {
    const [{ pid }] = await sql`select pg_backend_pid() as pid`;
    const work = sql.unsafe(step.sql);
    work.catch(() => {}); // it is awaited below
    const other = connect();
    while ((await other.unsafe(step.watch, [pid]).values())[0][0] !== "1") await setTimeout(10);
    await other.end();
    work.cancel();
    await work;
    return { done: true };
  },
  async timeout(step) {
    await sql.unsafe(`set statement_timeout = ${step.milliseconds}`);
    try {
      await sql.unsafe(step.sql);
      return { done: true };
    } finally {
      await sql.unsafe("set statement_timeout = 0");
    }
  },
};

await run(driver, (error) => error instanceof postgres.PostgresError && error.code);
await sql.end();
