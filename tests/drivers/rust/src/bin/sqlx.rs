//! The workload by sqlx.

use std::time::Duration;

use drivers::{
    arguments, echo, list, login_url, long_text, parameters, shown, sums, table, tell, text, Datum, Failure,
};
use futures_util::future::join;
use futures_util::TryStreamExt;
use serde_json::{json, Value};
use sqlx::postgres::{PgArguments, PgListener, PgRow};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{
    AssertSqlSafe, Column, Connection, Either, Executor, PgConnection, Postgres, Row, SqlSafeStr, Statement, TypeInfo,
};

struct Driver {
    connection: PgConnection,
    url: String,
    ca: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let given = arguments()?;
    let url = format!("{}&sslmode=disable", given.url);
    let mut driver = Driver {
        connection: PgConnection::connect(&url).await?,
        url,
        ca: given.ca,
    };
    for step in &given.steps {
        let answer = match driver.answer(step, &given.url).await {
            Ok(answer) => answer,
            Err(error) => match state(&error) {
                Some(code) => json!({"error": code}),
                None => return Err(error),
            },
        };
        tell(step, answer);
    }
    driver.connection.close().await?;
    Ok(())
}

fn state(error: &Failure) -> Option<String> {
    let database = error.downcast_ref::<sqlx::Error>()?.as_database_error()?;
    database.code().map(|code| code.into_owned())
}

impl Driver {
    async fn answer(&mut self, step: &Value, url: &str) -> Result<Value, Failure> {
        match text(step, "do") {
            "login" => self.login(step, url).await,
            "simple" => {
                self.run(text(step, "sql")).await?;
                Ok(json!({"done": true}))
            }
            "several" => self.several(step).await,
            "query" => self.query(text(step, "sql"), &step["params"]).await,
            "execute" => {
                let work = bound(text(step, "sql"), &step["params"])?;
                Ok(json!({"count": work.execute(&mut self.connection).await?.rows_affected()}))
            }
            "prepared" => {
                let mut each = vec![]; // sqlx prepares each text once
                for params in list(step, "sets") {
                    each.push(rows(
                        bound(text(step, "sql"), params)?
                            .fetch_all(&mut self.connection)
                            .await?,
                    )?);
                }
                Ok(json!({"each": each}))
            }
            "nested" => self.nested(step).await,
            "batch" => {
                let mut count = 0;
                for params in list(step, "sets") {
                    // sqlx sends them one by one
                    count += bound(text(step, "sql"), params)?
                        .execute(&mut self.connection)
                        .await?
                        .rows_affected();
                }
                Ok(json!({"count": count}))
            }
            "describe" => self.describe(step).await,
            "copy_in" | "copy_bad" => self.copy_in(step).await,
            "copy_out" => {
                let sql = format!("copy ({}) to stdout (format csv)", text(step, "query"));
                let parts: Vec<_> = self.connection.copy_out_raw(&sql).await?.try_collect().await?;
                Ok(json!({"text": String::from_utf8(parts.concat())?}))
            }
            "notify" => self.notify(step).await,
            "sum" => {
                let found = sqlx::query(safe(text(step, "sql")))
                    .fetch_all(&mut self.connection)
                    .await?;
                Ok(sums(&found.iter().map(|row| row.get(0)).collect::<Vec<_>>()))
            }
            "first" => self.first(step).await,
            "echo" => {
                let sent = long_text(step);
                let work = sqlx::query_scalar(safe(text(step, "sql"))).bind(&sent);
                let received: String = work.fetch_one(&mut self.connection).await?;
                Ok(echo(&sent, &received))
            }
            "cancel" => self.cancel(step).await,
            "timeout" => {
                self.run(&format!("set statement_timeout = {}", step["milliseconds"]))
                    .await?;
                let answer = self.query(text(step, "sql"), &Value::Null).await;
                self.run("set statement_timeout = 0").await?;
                answer
            }
            _ => Ok(json!({"unsupported": true})),
        }
    }

    async fn run(&mut self, sql: &str) -> Result<(), Failure> {
        sqlx::raw_sql(safe(sql)).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn login(&self, step: &Value, url: &str) -> Result<Value, Failure> {
        let mut url = login_url(url, step);
        if step["tls"] == true {
            url.push_str(&format!("&sslmode=verify-full&sslrootcert={}", self.ca));
        } else {
            url.push_str("&sslmode=disable");
        }
        let mut other = PgConnection::connect(&url).await?;
        let found = sqlx::query("select current_user").fetch_all(&mut other).await?;
        other.close().await?;
        Ok(json!({"rows": rows(found)?}))
    }

    async fn several(&mut self, step: &Value) -> Result<Value, Failure> {
        let (mut results, mut current) = (vec![], vec![]);
        let mut answers = sqlx::raw_sql(safe(text(step, "sql"))).fetch_many(&mut self.connection);
        while let Some(answer) = answers.try_next().await? {
            match answer {
                Either::Right(row) => current.push(row),
                Either::Left(_) => results.push(rows(std::mem::take(&mut current))?),
            }
        }
        Ok(json!({"results": results}))
    }

    async fn query(&mut self, sql: &str, params: &Value) -> Result<Value, Failure> {
        let found = bound(sql, params)?.fetch_all(&mut self.connection).await?;
        let columns = found
            .first()
            .map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
        Ok(table(columns.unwrap_or_default(), rows(found)?))
    }

    async fn nested(&mut self, step: &Value) -> Result<Value, Failure> {
        let mut outer = self.connection.begin().await?;
        sqlx::query(safe(text(step, "outer"))).execute(&mut *outer).await?;
        let mut inner = outer.begin().await?;
        sqlx::query(safe(text(step, "inner"))).execute(&mut *inner).await?;
        inner.rollback().await?;
        sqlx::query(safe(text(step, "after"))).execute(&mut *outer).await?;
        outer.commit().await?;
        Ok(json!({"done": true}))
    }

    async fn describe(&mut self, step: &Value) -> Result<Value, Failure> {
        let sql = format!("select * from {}", text(step, "table"));
        let found = (&mut self.connection).prepare(safe(&sql)).await?;
        let types = found
            .columns()
            .iter()
            .map(|column| json!([column.name(), column.type_info().name().to_lowercase()]));
        Ok(json!({"types": types.collect::<Vec<_>>()}))
    }

    async fn copy_in(&mut self, step: &Value) -> Result<Value, Failure> {
        let columns = list(step, "columns")
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let sql = format!("copy {} ({columns}) from stdin (format csv)", text(step, "table"));
        let mut copy = self.connection.copy_in_raw(&sql).await?;
        copy.send(text(step, "data").as_bytes()).await?;
        Ok(json!({"count": copy.finish().await?}))
    }

    async fn notify(&mut self, step: &Value) -> Result<Value, Failure> {
        let mut listener = PgListener::connect(&self.url).await?;
        listener.listen(text(step, "channel")).await?;
        let work = sqlx::query("select pg_notify($1, $2)")
            .bind(text(step, "channel"))
            .bind(text(step, "payload"));
        work.execute(&mut self.connection).await?;
        Ok(json!({"payload": listener.recv().await?.payload()}))
    }

    async fn first(&mut self, step: &Value) -> Result<Value, Failure> {
        let size = step["size"].as_u64().unwrap_or_default() as usize;
        let mut stream = sqlx::query(safe(text(step, "sql"))).fetch(&mut self.connection);
        let mut found = vec![];
        while found.len() < size {
            found.push(stream.try_next().await?.ok_or("too few rows")?);
        }
        drop(stream); // what is left is read and thrown away
        Ok(json!({"rows": rows(found)?}))
    }

    async fn cancel(&mut self, step: &Value) -> Result<Value, Failure> {
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut self.connection)
            .await?;
        let url = self.url.clone();
        let watched = async move {
            let mut other = PgConnection::connect(&url).await?;
            let watch = text(step, "watch");
            while sqlx::query_scalar::<_, i64>(safe(watch))
                .bind(pid)
                .fetch_one(&mut other)
                .await?
                != 1
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            sqlx::query("select pg_cancel_backend($1)")
                .bind(pid)
                .execute(&mut other)
                .await?;
            other.close().await?;
            Ok::<_, Failure>(())
        };
        let (answer, watched) = join(self.query(text(step, "sql"), &Value::Null), watched).await;
        watched?;
        answer
    }
}

fn safe(sql: &str) -> sqlx::SqlStr {
    AssertSqlSafe(sql).into_sql_str()
}

fn bound(sql: &str, params: &Value) -> Result<Query<'static, Postgres, PgArguments>, Failure> {
    Ok(parameters(params)?
        .into_iter()
        .fold(sqlx::query(safe(sql)), |query, value| match value {
            Datum::Int2(value) => query.bind(value),
            Datum::Int4(value) => query.bind(value),
            Datum::Int8(value) => query.bind(value),
            Datum::Float8(value) => query.bind(value),
            Datum::Numeric(value) => query.bind(value),
            Datum::Text(value) => query.bind(value),
            Datum::Bool(value) => query.bind(value),
            Datum::Bytea(value) => query.bind(value),
            Datum::Date(value) => query.bind(value),
            Datum::Timestamp(value) => query.bind(value),
            Datum::TimestampTz(value) => query.bind(value),
            Datum::Json(value) => query.bind(value.map(Json)),
            Datum::Uuid(value) => query.bind(value),
            Datum::Int4Array(value) => query.bind(value),
            Datum::TextArray(value) => query.bind(value),
        }))
}

fn rows(found: Vec<PgRow>) -> Result<Vec<Value>, Failure> {
    found
        .iter()
        .map(|row| (0..row.len()).map(|i| Ok(shown(datum(row, i)?))).collect())
        .collect()
}

fn datum(row: &PgRow, i: usize) -> Result<Datum, Failure> {
    // In text, where a simple query has answered, sqlx reads the same types.
    Ok(match row.column(i).type_info().name() {
        "INT2" => Datum::Int2(row.try_get(i)?),
        "INT4" => Datum::Int4(row.try_get(i)?),
        "INT8" => Datum::Int8(row.try_get(i)?),
        "FLOAT8" => Datum::Float8(row.try_get(i)?),
        "NUMERIC" => Datum::Numeric(row.try_get(i)?),
        "BOOL" => Datum::Bool(row.try_get(i)?),
        "BYTEA" => Datum::Bytea(row.try_get(i)?),
        "DATE" => Datum::Date(row.try_get(i)?),
        "TIMESTAMP" => Datum::Timestamp(row.try_get(i)?),
        "TIMESTAMPTZ" => Datum::TimestampTz(row.try_get(i)?),
        "JSON" => Datum::Json(row.try_get::<Option<Json<Value>>, _>(i)?.map(|value| value.0)),
        "UUID" => Datum::Uuid(row.try_get(i)?),
        "INT4[]" => Datum::Int4Array(row.try_get(i)?),
        "TEXT[]" => Datum::TextArray(row.try_get(i)?),
        _ => Datum::Text(row.try_get(i)?),
    })
}
