//! Arrow record batches → DataRow messages: planned by column, written by row.
//!
//! `types` says which PostgreSQL type an Arrow type becomes, `cells` reads one value, `json` writes nested ones as JSON text.
mod cells;
mod json;
mod types;

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::rows::{self, Row};
use crate::types::{PgType, Style, ValueError};
use cells::Cell;
pub use types::columns;

/// Why rows cannot be encoded; row (from 0, of the whole stream) and column (from 0) where one value is to blame.
#[derive(Debug)]
pub struct Failure {
    pub error: ValueError,
    pub place: Option<(usize, usize, u32)>,
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Failure { error, place: None }
    }
}

/// Encodes a stream of record batches and keeps its place inside a batch.
pub struct Encoder {
    source: Box<dyn RecordBatchReader + Send>,
    types: Vec<PgType>,
    binary: Vec<bool>,
    /// Settings other than the default ones, and the columns whose text they change.
    style: Option<Arc<Style>>,
    styled: Vec<bool>,
    batch: Option<RecordBatch>,
    /// The next row of `batch`.
    position: usize,
    /// Rows encoded of the whole stream.
    done: usize,
    ended: bool,
}

impl Encoder {
    /// `formats` are format codes: none (text), one for all columns, or one for each.
    pub fn new(
        source: Box<dyn RecordBatchReader + Send>,
        formats: &[i64],
        style: Option<Arc<Style>>,
    ) -> Result<Encoder, Failure> {
        let types: Vec<PgType> = columns(&source.schema())
            .iter()
            .map(|(_, oid)| PgType::of(*oid))
            .collect();
        let binary = rows::formats(formats, types.len())?;
        let affects = |ty: &PgType| style.as_ref().is_some_and(|style| style.affects(*ty));
        let styled = types
            .iter()
            .zip(&binary)
            .map(|(ty, binary)| !binary && affects(ty))
            .collect();
        Ok(Encoder {
            style,
            styled,
            source,
            types,
            binary,
            batch: None,
            position: 0,
            done: 0,
            ended: false,
        })
    }

    pub fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    /// Appends rows until `max_rows` (0: no limit) are written, or `max_bytes`, or the stream ends; returns their number and whether it has.
    pub fn encode(
        &mut self,
        max_rows: usize,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Failure> {
        let limit = if max_rows == 0 { usize::MAX } else { max_rows };
        let mut written = 0;
        while !self.ended && written < limit && (written == 0 || out.len() < max_bytes) {
            match self.batch.take() {
                Some(batch) if self.position < batch.num_rows() => {
                    let before = self.position;
                    let result = self.encode_batch(&batch, limit - written, max_bytes, out);
                    written += self.position - before;
                    self.batch = Some(batch);
                    result?;
                }
                _ => match self.source.next() {
                    None => self.ended = true,
                    Some(Ok(batch)) => {
                        self.batch = Some(batch);
                        self.position = 0;
                    }
                    Some(Err(error)) => {
                        self.ended = true;
                        return Err(producer_error(&error).into());
                    }
                },
            }
        }
        Ok((written, self.ended))
    }

    fn encode_batch(
        &mut self,
        batch: &RecordBatch,
        limit: usize,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let cells: Vec<Cell<'_>> = batch
            .columns()
            .iter()
            .zip(&self.types)
            .map(|(array, ty)| Cell::new(array.as_ref(), *ty))
            .collect();
        let end = batch.num_rows().min(self.position.saturating_add(limit));
        let first = self.position;
        while self.position < end && (self.position == first || out.len() < max_bytes) {
            let row = Row::begin(out, cells.len());
            for (column, (cell, binary)) in cells.iter().zip(&self.binary).enumerate() {
                let written = match &self.style {
                    Some(style) if self.styled[column] => cells::write_styled(
                        batch.column(column).as_ref(),
                        self.position,
                        self.types[column],
                        style,
                        out,
                    ),
                    _ => cell.write(self.position, *binary, out),
                };
                written.map_err(|error| Failure {
                    error,
                    place: Some((self.done, column, self.types[column].oid)),
                })?;
            }
            row.end(out)?;
            self.position += 1;
            self.done += 1;
        }
        Ok(())
    }
}

/// XX000 with the producer's own words, where it has any.
pub fn producer_error(error: &ArrowError) -> ValueError {
    let text = error.to_string();
    let own = text
        .split_once("Producer error: ")
        .map_or(text.as_str(), |(_, own)| own);
    ValueError::new("XX000", own)
}
