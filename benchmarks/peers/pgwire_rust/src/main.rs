//! The server that a user of the Rust crate pgwire would write for the benchmark's queries.
//!
//! `pgwire-rust-peer [THREADS] [STREAM_ROWS] [SCRAM]` listens on a free port of 127.0.0.1 and prints it. One thread means tokio's
//! current-thread runtime; with SCRAM 1 everybody logs in with SCRAM-SHA-256 and a stored verifier. Rows are made once and encoded for each query by the crate's own encoder; nothing of the crate is tuned.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use futures::{StreamExt, stream};
use pgwire::api::auth::noop::NoopStartupHandler;
use pgwire::api::auth::sasl::SASLAuthStartupHandler;
use pgwire::api::auth::sasl::scram::{ScramAuth, ScramSecret, gen_salted_password};
use pgwire::api::auth::{
    AuthSource, DefaultServerParameterProvider, LoginInfo, Password, StartupHandler,
};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response};
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, PgWireServerHandlers, Type};
use pgwire::error::PgWireResult;
use pgwire::tokio::process_socket;
use tokio::net::TcpListener;

const ROWS: i32 = 5_000;

struct Row {
    a: i32,
    b: i32,
    c: i32,
    made: NaiveDateTime,
    weight: f64,
    note: String,
}

/// The content of benchmarks/data.py.
fn make_rows() -> Vec<Row> {
    let epoch = DateTime::from_timestamp(1_098_181_434, 0)
        .expect("a valid time")
        .naive_utc();
    let pattern = "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLM";
    (1..=ROWS)
        .map(|i| Row {
            a: i,
            b: i * 7,
            c: -i,
            made: epoch + TimeDelta::seconds(i64::from(i)),
            weight: f64::from(i) * 0.1,
            note: pattern.repeat(10),
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Statement {
    One,
    Rows,
    Stream,
}

impl Statement {
    fn of(sql: &str) -> Self {
        match sql.trim_end_matches(';') {
            "select * from bench_rows" => Self::Rows,
            "select * from bench_stream" => Self::Stream,
            _ => Self::One,
        }
    }

    fn columns(self) -> &'static [(&'static str, Type)] {
        match self {
            Self::One => &[("?column?", Type::INT4)],
            Self::Rows => &[
                ("a", Type::INT4),
                ("b", Type::INT4),
                ("c", Type::INT4),
                ("made", Type::TIMESTAMP),
                ("weight", Type::FLOAT8),
                ("note", Type::TEXT),
            ],
            Self::Stream => &[("a", Type::INT4), ("b", Type::INT4), ("c", Type::INT4)],
        }
    }

    fn schema(self, format: Option<&Format>) -> Vec<FieldInfo> {
        self.columns()
            .iter()
            .enumerate()
            .map(|(i, (name, kind))| {
                let format = format.map_or(FieldFormat::Text, |format| format.format_for(i));
                FieldInfo::new((*name).to_owned(), None, None, kind.clone(), format)
            })
            .collect()
    }
}

struct Handler {
    rows: Arc<Vec<Row>>,
    stream_rows: i32,
}

impl Handler {
    fn answer(&self, statement: Statement, format: Option<&Format>) -> Response {
        let schema = Arc::new(statement.schema(format));
        let mut encoder = DataRowEncoder::new(schema.clone());
        Response::Query(match statement {
            Statement::One => {
                let row = encoder.encode_field(&1_i32).map(|()| encoder.take_row());
                QueryResponse::new(schema, stream::iter([row]))
            }
            Statement::Rows => {
                let rows = self.rows.clone();
                let encoded = (0..rows.len()).map(move |i| {
                    let row = &rows[i];
                    encoder.encode_field(&row.a)?;
                    encoder.encode_field(&row.b)?;
                    encoder.encode_field(&row.c)?;
                    encoder.encode_field(&row.made)?;
                    encoder.encode_field(&row.weight)?;
                    encoder.encode_field(&row.note.as_str())?;
                    Ok(encoder.take_row())
                });
                QueryResponse::new(schema, stream::iter(encoded))
            }
            Statement::Stream => {
                let encoded = stream::iter(0..self.stream_rows).map(move |i| {
                    encoder.encode_field(&i)?;
                    encoder.encode_field(&7_i32)?;
                    encoder.encode_field(&8_i32)?;
                    Ok(encoder.take_row())
                });
                QueryResponse::new(schema, encoded)
            }
        })
    }
}

impl NoopStartupHandler for Handler {}

#[async_trait]
impl SimpleQueryHandler for Handler {
    async fn do_query<C>(&self, _client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        Ok(vec![self.answer(Statement::of(query), None)])
    }
}

struct Parser;

#[async_trait]
impl QueryParser for Parser {
    type Statement = Statement;

    async fn parse_sql<C>(
        &self,
        _: &C,
        sql: &str,
        _: &[Option<Type>],
    ) -> PgWireResult<Option<Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        Ok(Some(Statement::of(sql)))
    }

    fn get_parameter_types(&self, _: &Statement) -> PgWireResult<Vec<Type>> {
        Ok(vec![])
    }

    fn get_result_schema(
        &self,
        statement: &Statement,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        Ok(statement.schema(format))
    }
}

#[async_trait]
impl ExtendedQueryHandler for Handler {
    type Statement = Statement;
    type QueryParser = Parser;

    fn query_parser(&self) -> Arc<Parser> {
        Arc::new(Parser)
    }

    async fn do_query<C>(
        &self,
        _: &mut C,
        portal: &Portal<Statement>,
        _: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        Ok(self.answer(
            portal.statement.statement,
            Some(&portal.result_column_format),
        ))
    }
}

struct Factory(Arc<Handler>);

impl PgWireServerHandlers for Factory {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        self.0.clone()
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        self.0.clone()
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        self.0.clone()
    }
}

const SALT: &[u8] = b"sixteen bytes it";
const ITERATIONS: usize = 4096;

/// A user whose salted password was derived when the server started.
#[derive(Debug)]
struct Users {
    salted_password: Vec<u8>,
}

#[async_trait]
impl AuthSource for Users {
    async fn get_password(&self, _: &LoginInfo) -> PgWireResult<Password> {
        Ok(Password::new(
            Some(SALT.to_vec()),
            self.salted_password.clone(),
        ))
    }

    async fn get_scram_secret(&self, _: &LoginInfo) -> PgWireResult<(ScramSecret, Option<()>)> {
        let salted = self.salted_password.clone();
        let secret = ScramSecret::verifier_from_salted_password(SALT.to_vec(), salted, ITERATIONS);
        Ok((secret, None))
    }
}

struct ScramFactory(Arc<Users>, Arc<Handler>);

impl PgWireServerHandlers for ScramFactory {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        let mut scram = ScramAuth::new(self.0.clone());
        scram.set_iterations(ITERATIONS);
        let parameters = Arc::new(DefaultServerParameterProvider::default());
        Arc::new(SASLAuthStartupHandler::new(parameters).with_scram(scram))
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        self.1.clone()
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        self.1.clone()
    }
}

async fn serve(stream_rows: i32, scram: bool) -> std::io::Result<()> {
    let handler = Handler {
        rows: Arc::new(make_rows()),
        stream_rows,
    };
    let handler = Arc::new(handler);
    let salted_password = gen_salted_password("pencil", SALT, ITERATIONS);
    let secure = Arc::new(ScramFactory(
        Arc::new(Users { salted_password }),
        handler.clone(),
    ));
    let factory = Arc::new(Factory(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (socket, _) = listener.accept().await?;
        // A client that vanishes ends its own session only.
        if scram {
            let secure = secure.clone();
            tokio::spawn(async move { drop(process_socket(socket, None, secure).await) });
        } else {
            let factory = factory.clone();
            tokio::spawn(async move { drop(process_socket(socket, None, factory).await) });
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<i32>().expect("a whole number"));
    let threads = arguments.next().unwrap_or(1);
    let stream_rows = arguments.next().unwrap_or(5_000_000);
    let scram = arguments.next().unwrap_or(0) == 1;
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(threads.unsigned_abs() as usize);
    }
    builder
        .enable_io()
        .enable_time()
        .build()?
        .block_on(serve(stream_rows, scram))
}
