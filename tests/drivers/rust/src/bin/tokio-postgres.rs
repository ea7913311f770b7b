//! The workload by tokio-postgres.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use drivers::{
    arguments, echo, list, login_url, long_text, parameters, parsed, shown, sums, table, tell, text, tls, Datum,
    Failure,
};
use futures_util::future::{join, join_all};
use futures_util::{SinkExt, TryStreamExt};
use serde_json::{json, Value};
use tokio::sync::mpsc;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

struct Driver {
    client: Client,
    notifications: mpsc::UnboundedReceiver<String>,
    url: String,
    ca: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let given = arguments()?;
    let (client, mut connection) = tokio_postgres::connect(&given.url, NoTls).await?;
    let (sender, notifications) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(heard) = message {
                let _ = sender.send(heard.payload().to_owned());
            }
        }
    });
    let mut driver = Driver {
        client,
        notifications,
        url: given.url,
        ca: given.ca,
    };
    for step in &given.steps {
        let answer = match driver.answer(step).await {
            Ok(answer) => answer,
            Err(error) => match error
                .downcast_ref::<tokio_postgres::Error>()
                .and_then(|error| error.code())
            {
                Some(code) => json!({"error": code.code()}),
                None => return Err(error),
            },
        };
        tell(step, answer);
    }
    Ok(())
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Driver {
    async fn answer(&mut self, step: &Value) -> Result<Value, Failure> {
        match text(step, "do") {
            "login" => self.login(step).await,
            "simple" => {
                self.client.batch_execute(text(step, "sql")).await?;
                Ok(json!({"done": true}))
            }
            "several" => self.several(step).await,
            "query" => self.query(text(step, "sql"), &step["params"]).await,
            "execute" => {
                let values = parameters(&step["params"])?;
                Ok(json!({"count": self.client.execute(text(step, "sql"), &borrowed(&values)).await?}))
            }
            "prepared" => self.prepared(step).await,
            "nested" => self.nested(step).await,
            "batch" => self.batch(step).await,
            "describe" => self.describe(step).await,
            "copy_in" | "copy_bad" => self.copy_in(step).await,
            "copy_rows" => self.copy_rows(step).await,
            "copy_out" => self.copy_out(step).await,
            "notify" => self.notify(step).await,
            "sum" => {
                let rows = self.client.query(text(step, "sql"), &[]).await?;
                Ok(sums(&rows.iter().map(|row| row.get(0)).collect::<Vec<_>>()))
            }
            "portions" => self.portions(step).await,
            "first" => self.first(step).await,
            "echo" => {
                let sent = long_text(step);
                let row = self.client.query_one(text(step, "sql"), &[&sent]).await?;
                Ok(echo(&sent, row.get(0)))
            }
            "cancel" => self.cancel(step).await,
            "timeout" => {
                self.client
                    .batch_execute(&format!("set statement_timeout = {}", step["milliseconds"]))
                    .await?;
                let answer = self.query(text(step, "sql"), &Value::Null).await;
                self.client.batch_execute("set statement_timeout = 0").await?;
                answer
            }
            _ => Ok(json!({"unsupported": true})),
        }
    }

    async fn login(&self, step: &Value) -> Result<Value, Failure> {
        let mut url = login_url(&self.url, step);
        let client = if step["tls"] == true {
            url.push_str("&sslmode=require");
            let (client, connection) = tokio_postgres::connect(&url, MakeRustlsConnect::new(tls(&self.ca)?)).await?;
            tokio::spawn(connection);
            client
        } else {
            connect(&url).await?
        };
        Ok(json!({"rows": rows(client.query("select current_user", &[]).await?)?}))
    }

    async fn several(&self, step: &Value) -> Result<Value, Failure> {
        let mut results = vec![];
        let mut current: Vec<Vec<Option<String>>> = vec![];
        for message in self.client.simple_query(text(step, "sql")).await? {
            match message {
                SimpleQueryMessage::Row(row) => {
                    current.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
                }
                SimpleQueryMessage::CommandComplete(_) => results.push(std::mem::take(&mut current)),
                _ => {}
            }
        }
        Ok(json!({"results": results}))
    }

    async fn query(&self, sql: &str, params: &Value) -> Result<Value, Failure> {
        let values = parameters(params)?;
        let found = self.client.query(sql, &borrowed(&values)).await?;
        let columns = found
            .first()
            .map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
        Ok(table(columns.unwrap_or_default(), rows(found)?))
    }

    async fn prepared(&self, step: &Value) -> Result<Value, Failure> {
        let statement = self.client.prepare(text(step, "sql")).await?;
        let mut each = vec![];
        for params in list(step, "sets") {
            each.push(rows(
                self.client.query(&statement, &borrowed(&parameters(params)?)).await?,
            )?);
        }
        Ok(json!({"each": each}))
    }

    async fn nested(&mut self, step: &Value) -> Result<Value, Failure> {
        let mut outer = self.client.transaction().await?;
        outer.execute(text(step, "outer"), &[]).await?;
        let inner = outer.transaction().await?;
        inner.execute(text(step, "inner"), &[]).await?;
        inner.rollback().await?;
        outer.execute(text(step, "after"), &[]).await?;
        outer.commit().await?;
        Ok(json!({"done": true}))
    }

    /// Sent without waiting for answers.
    async fn batch(&self, step: &Value) -> Result<Value, Failure> {
        let statement = self.client.prepare(text(step, "sql")).await?;
        let sets = list(step, "sets")
            .iter()
            .map(parameters)
            .collect::<Result<Vec<_>, _>>()?;
        let work = sets.iter().map(|values| {
            let (client, statement) = (&self.client, &statement);
            async move { client.execute(statement, &borrowed(values)).await }
        });
        let counts = join_all(work).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(json!({"count": counts.iter().sum::<u64>()}))
    }

    async fn describe(&self, step: &Value) -> Result<Value, Failure> {
        let statement = self
            .client
            .prepare(&format!("select * from {}", text(step, "table")))
            .await?;
        let types = statement
            .columns()
            .iter()
            .map(|column| json!([column.name(), column.type_().name()]));
        Ok(json!({"types": types.collect::<Vec<_>>()}))
    }

    async fn copy_in(&self, step: &Value) -> Result<Value, Failure> {
        let sql = format!("copy {} ({}) from stdin (format csv)", text(step, "table"), names(step));
        let mut sink = pin!(self.client.copy_in(&sql).await?);
        sink.send(std::io::Cursor::new(text(step, "data").as_bytes().to_vec()))
            .await?;
        Ok(json!({"count": sink.finish().await?}))
    }

    async fn copy_rows(&self, step: &Value) -> Result<Value, Failure> {
        let sql = format!(
            "copy {} ({}) from stdin (format binary)",
            text(step, "table"),
            names(step)
        );
        let kinds: Vec<_> = list(step, "types").iter().filter_map(Value::as_str).collect();
        let types: Vec<_> = kinds.iter().map(|kind| type_named(kind)).collect();
        let sink = self.client.copy_in(&sql).await?;
        let mut writer = pin!(tokio_postgres::binary_copy::BinaryCopyInWriter::new(sink, &types));
        for row in list(step, "rows") {
            let values = kinds
                .iter()
                .enumerate()
                .map(|(i, kind)| parsed(kind, &row[i]))
                .collect::<Result<Vec<_>, _>>()?;
            writer.as_mut().write(&borrowed(&values)).await?;
        }
        Ok(json!({"count": writer.finish().await?}))
    }

    async fn copy_out(&self, step: &Value) -> Result<Value, Failure> {
        let sql = format!("copy ({}) to stdout (format csv)", text(step, "query"));
        let parts: Vec<_> = self.client.copy_out(&sql).await?.try_collect().await?;
        Ok(json!({"text": String::from_utf8(parts.concat())?}))
    }

    async fn notify(&mut self, step: &Value) -> Result<Value, Failure> {
        let channel = text(step, "channel");
        self.client.batch_execute(&format!("listen {channel}")).await?;
        let other = connect(&self.url).await?;
        other
            .execute("select pg_notify($1, $2)", &[&channel, &text(step, "payload")])
            .await?;
        let payload = self.notifications.recv().await.ok_or("the connection is closed")?;
        self.client.batch_execute(&format!("unlisten {channel}")).await?;
        Ok(json!({"payload": payload}))
    }

    async fn portions(&mut self, step: &Value) -> Result<Value, Failure> {
        let transaction = self.client.transaction().await?;
        let portal = transaction.bind(text(step, "sql"), &[]).await?;
        let mut numbers = vec![];
        loop {
            let portion = transaction
                .query_portal(&portal, step["size"].as_i64().unwrap_or_default() as i32)
                .await?;
            if portion.is_empty() {
                break;
            }
            numbers.extend(portion.iter().map(|row| row.get::<_, i32>(0)));
        }
        transaction.commit().await?;
        Ok(sums(&numbers))
    }

    async fn first(&mut self, step: &Value) -> Result<Value, Failure> {
        let transaction = self.client.transaction().await?;
        let portal = transaction.bind(text(step, "sql"), &[]).await?;
        let found = transaction
            .query_portal(&portal, step["size"].as_i64().unwrap_or_default() as i32)
            .await?;
        transaction.commit().await?;
        Ok(json!({"rows": rows(found)?}))
    }

    async fn cancel(&self, step: &Value) -> Result<Value, Failure> {
        let pid: i32 = self.client.query_one("select pg_backend_pid()", &[]).await?.get(0);
        let token = self.client.cancel_token();
        let watched = async {
            let other = connect(&self.url).await?;
            while other.query_one(text(step, "watch"), &[&pid]).await?.get::<_, i64>(0) != 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            token.cancel_query(NoTls).await?;
            Ok::<_, Failure>(())
        };
        let (answer, watched) = join(self.query(text(step, "sql"), &Value::Null), watched).await;
        watched?;
        answer
    }
}

fn names(step: &Value) -> String {
    list(step, "columns")
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn type_named(name: &str) -> Type {
    match name {
        "int4" => Type::INT4,
        "numeric" => Type::NUMERIC,
        "date" => Type::DATE,
        _ => Type::TEXT,
    }
}

fn borrowed(values: &[Datum]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| -> &(dyn ToSql + Sync) {
            match value {
                Datum::Int2(value) => value,
                Datum::Int4(value) => value,
                Datum::Int8(value) => value,
                Datum::Float8(value) => value,
                Datum::Numeric(value) => value,
                Datum::Text(value) => value,
                Datum::Bool(value) => value,
                Datum::Bytea(value) => value,
                Datum::Date(value) => value,
                Datum::Timestamp(value) => value,
                Datum::TimestampTz(value) => value,
                Datum::Json(value) => value,
                Datum::Uuid(value) => value,
                Datum::Int4Array(value) => value,
                Datum::TextArray(value) => value,
            }
        })
        .collect()
}

fn rows(found: Vec<Row>) -> Result<Vec<Value>, Failure> {
    found
        .iter()
        .map(|row| (0..row.len()).map(|i| Ok(shown(datum(row, i)?))).collect())
        .collect()
}

fn datum(row: &Row, i: usize) -> Result<Datum, Failure> {
    Ok(match *row.columns()[i].type_() {
        Type::INT2 => Datum::Int2(row.try_get(i)?),
        Type::INT4 => Datum::Int4(row.try_get(i)?),
        Type::INT8 => Datum::Int8(row.try_get(i)?),
        Type::FLOAT8 => Datum::Float8(row.try_get(i)?),
        Type::NUMERIC => Datum::Numeric(row.try_get(i)?),
        Type::BOOL => Datum::Bool(row.try_get(i)?),
        Type::BYTEA => Datum::Bytea(row.try_get(i)?),
        Type::DATE => Datum::Date(row.try_get(i)?),
        Type::TIMESTAMP => Datum::Timestamp(row.try_get(i)?),
        Type::TIMESTAMPTZ => Datum::TimestampTz(row.try_get(i)?),
        Type::JSON => Datum::Json(row.try_get(i)?),
        Type::UUID => Datum::Uuid(row.try_get(i)?),
        Type::INT4_ARRAY => Datum::Int4Array(row.try_get(i)?),
        Type::TEXT_ARRAY => Datum::TextArray(row.try_get(i)?),
        _ => Datum::Text(row.try_get(i)?),
    })
}
