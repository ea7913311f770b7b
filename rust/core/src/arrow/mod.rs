//! Arrow record batches → rows of DataRow messages or COPY: planned by column, written by row.
//!
//! `layout` is what a schema and an array are, `types` says which PostgreSQL types an Arrow type can become, `locate` finds a row's value
//! in the buffers, `readers` reads it (`nested`, `json` and `temporal` by kind), `cells` writes the frequent types directly.
mod cells;
mod json;
pub mod layout;
mod locate;
mod nested;
mod readers;
mod temporal;
mod types;

use std::sync::Arc;

use crate::copy::{self, CopyError, Format};
use crate::rows::{self, Row};
use crate::types::{Kind, PgType, Style, ValueError};
use cells::Cell;
use layout::{Array, Field};

/// Why rows cannot be encoded; row (from 0, of the whole stream) and column (from 0) where one value is to blame.
#[derive(Debug)]
pub enum Failure {
    Value(ValueError),
    /// Row, column, type OID.
    ValueAt(ValueError, usize, usize, u32),
    /// Row, and the column if one is to blame.
    Copy(Box<CopyError>, usize, Option<usize>),
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Failure::Value(error)
    }
}

/// The next batch, a struct of the columns; None at the end.
pub type Source = Box<dyn FnMut() -> Result<Option<Array>, ValueError> + Send>;

/// Name and type OID of each column, where none is asked for; 0A000 for a union.
pub fn columns(fields: &[Field]) -> Result<Vec<(String, u32)>, ValueError> {
    plan(fields, None).map(|types| names(fields, &types))
}

fn names(fields: &[Field], types: &[PgType]) -> Vec<(String, u32)> {
    let columns = fields.iter().zip(types);
    columns
        .map(|(field, ty)| (field.name.clone(), ty.oid))
        .collect()
}

/// The type of each column: the one asked for, the natural one for 0. 42804 for a wrong number of them and for one that cannot be.
fn plan(fields: &[Field], asked: Option<&[u32]>) -> Result<Vec<PgType>, ValueError> {
    if let Some(asked) = asked
        && asked.len() != fields.len()
    {
        let message = format!(
            "there are {} types, but {} columns",
            asked.len(),
            fields.len()
        );
        return Err(ValueError::new("42804", message));
    }
    let planned = fields.iter().enumerate().map(|(column, field)| {
        let ty = match asked.map_or(0, |asked| asked[column]) {
            0 => PgType::of(types::natural(field)),
            oid => PgType::of(oid),
        };
        types::check(field, ty).map(|()| ty)
    });
    planned.collect()
}

/// What rows become.
enum Sink<'a> {
    /// DataRow messages.
    Messages,
    /// Tuples of binary COPY.
    Tuples,
    Copy(&'a copy::Encoder),
}

struct Batch {
    table: Array,
    /// For each column, whether its text is ASCII without NUL.
    is_ascii: Vec<bool>,
}

/// Encodes a stream of record batches and keeps its place inside a batch.
pub struct Encoder {
    fields: Arc<[Field]>,
    source: Source,
    types: Vec<PgType>,
    binary: Vec<bool>,
    tuples: bool,
    /// Settings other than the default ones: for the columns whose text they change.
    style: Option<Arc<Style>>,
    batch: Option<Batch>,
    /// The next row of `batch`.
    position: usize,
    /// Rows encoded of the whole stream.
    done: usize,
    ended: bool,
}

impl Encoder {
    /// `formats` are format codes: none (text), one for all columns, or one for each; `tuples` of binary COPY instead of DataRow messages;
    /// `asked`: type OIDs, 0 for the natural one; `style`: settings other than the default ones.
    pub fn new(
        fields: Arc<[Field]>,
        source: Source,
        formats: &[i64],
        tuples: bool,
        asked: Option<&[u32]>,
        style: Option<Arc<Style>>,
    ) -> Result<Encoder, Failure> {
        let binary = rows::column_formats(formats, fields.len(), tuples)?;
        let types = plan(&fields, asked)?;
        Ok(Encoder {
            fields,
            style,
            source,
            types,
            binary,
            tuples,
            batch: None,
            position: 0,
            done: 0,
            ended: false,
        })
    }

    /// Asks for other types than `new` was asked for; those of rows already encoded stay as they were.
    pub fn ask(&mut self, asked: &[u32]) -> Result<(), ValueError> {
        self.types = plan(&self.fields, Some(asked))?;
        Ok(())
    }

    /// Name and type OID of each column.
    pub fn columns(&self) -> Vec<(String, u32)> {
        names(&self.fields, &self.types)
    }

    /// Appends rows until `max_rows` (0: no limit) are written, or `max_bytes`, or the stream ends; returns their number and whether it has.
    pub fn encode(
        &mut self,
        max_rows: usize,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Failure> {
        let sink = if self.tuples {
            Sink::Tuples
        } else {
            Sink::Messages
        };
        self.run(&sink, max_rows, max_bytes, out)
    }

    /// The same as the data of COPY, without header and trailer.
    pub fn encode_copy(
        &mut self,
        copy: &copy::Encoder,
        max_rows: usize,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Failure> {
        self.run(&Sink::Copy(copy), max_rows, max_bytes, out)
    }

    fn run(
        &mut self,
        sink: &Sink<'_>,
        max_rows: usize,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Failure> {
        let limit = if max_rows == 0 { usize::MAX } else { max_rows };
        let mut written = 0;
        while !self.ended && written < limit && (written == 0 || out.len() < max_bytes) {
            match self.batch.take() {
                Some(batch) if self.position < batch.table.length => {
                    let before = self.position;
                    let result = self.encode_batch(&batch, sink, limit - written, max_bytes, out);
                    written += self.position - before;
                    self.batch = Some(batch);
                    result?;
                }
                _ => match (self.source)() {
                    Ok(None) => self.close(),
                    Ok(Some(table)) => {
                        let columns = self.fields.iter().zip(&table.children);
                        let is_ascii = columns
                            .map(|(field, array)| cells::is_ascii(field, array))
                            .collect();
                        self.batch = Some(Batch { table, is_ascii });
                        self.position = 0;
                    }
                    Err(error) => {
                        self.close();
                        return Err(error.into());
                    }
                },
            }
        }
        Ok((written, self.ended))
    }

    /// Gives the rest of the stream and its memory back to the producer.
    pub fn close(&mut self) {
        self.ended = true;
        self.batch = None;
        self.source = Box::new(|| Ok(None));
    }

    fn encode_batch(
        &mut self,
        batch: &Batch,
        sink: &Sink<'_>,
        limit: usize,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let (fields, style) = (Arc::clone(&self.fields), self.style.clone());
        let arrays = fields.iter().zip(&batch.table.children);
        let cells: Vec<Cell<'_>> = arrays
            .zip(self.types.iter().zip(&batch.is_ascii))
            .map(|((field, array), (ty, is_ascii))| match &style {
                Some(style) if style.affects(*ty) => Cell::styled(field, array, *ty, style),
                _ => Cell::new(field, array, *ty, *is_ascii),
            })
            .collect();
        let end = batch.table.length.min(self.position.saturating_add(limit));
        let (first, offset) = (self.position, batch.table.offset);
        let (tuples, mut scratch) = (matches!(sink, Sink::Tuples), Vec::new());
        while self.position < end && (self.position == first || out.len() < max_bytes) {
            let row = self.position + offset;
            if let Sink::Copy(copy) = sink {
                self.copy(copy, &cells, row, out, &mut scratch)?;
            } else {
                let begun = match tuples {
                    true => Row::begin_tuple(out, cells.len()),
                    false => Row::begin(out, cells.len()),
                };
                self.fields(begun, &cells, row, out)?;
            }
            self.position += 1;
            self.done += 1;
        }
        Ok(())
    }

    #[inline]
    fn fields(
        &self,
        row: Row,
        cells: &[Cell<'_>],
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        for (column, (cell, binary)) in cells.iter().zip(&self.binary).enumerate() {
            cell.write(at, *binary, out)
                .map_err(|error| self.value(error, column))?;
        }
        Ok(row.end(out)?)
    }

    fn copy(
        &self,
        copy: &copy::Encoder,
        cells: &[Cell<'_>],
        at: usize,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let begin = out.len();
        let binary = copy.options().format == Format::Binary;
        copy.begin_row(out);
        for (column, cell) in cells.iter().enumerate() {
            if binary {
                // A field of a binary row is laid out as in DataRow.
                cell.write_apart(at, true, out)
                    .map_err(|error| self.value(error, column))?;
                continue;
            }
            scratch.clear();
            cell.write_apart(at, false, scratch)
                .map_err(|error| self.value(error, column))?;
            if scratch[..] == rows::NULL {
                copy.write_null(column, out);
            } else {
                let sound = self.types[column].kind != Kind::Raw;
                let field = &scratch[rows::NULL.len()..];
                let written = copy.write_field(column, field, sound, out);
                written.map_err(|error| Failure::Copy(Box::new(error), self.done, Some(column)))?;
            }
        }
        copy.end_row(begin, out)
            .map_err(|error| Failure::Copy(Box::new(error), self.done, None))
    }

    fn value(&self, error: ValueError, column: usize) -> Failure {
        Failure::ValueAt(error, self.done, column, self.types[column].oid)
    }
}
