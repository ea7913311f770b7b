//! DataRow messages, or the bytes of binary COPY → Arrow record batches.
//!
//! `plan` says which Arrow type a PostgreSQL type becomes, `column` gathers one column's values, `data` holds them, `decimal` makes numerics decimals.
mod column;
mod data;
mod decimal;
mod plan;

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};

use crate::row_reader::{Broken, CUT, Layout, RowReader};
use crate::rows::{self, MAX_ROW};
use crate::types::ValueError;
use column::Column;
pub use plan::Shape;

/// How a file of binary COPY begins (PostgreSQL: COPY, "Binary Format"); flags and the length of an extension follow.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const HEADER: usize = 19;
/// Flags that a reader must know are those from this one on; and there is none it may not ignore.
const CRITICAL: u32 = 1 << 16;
/// Most bytes of values after which a batch ends: with a row of the largest size, text of it still has offsets of 32 bits.
pub const MAX_BATCH_BYTES: usize = 1 << 30;
/// Bytes of a value that an error shows something of: one more than its preview, which says so.
const SHOWN: usize = 65;

/// Why no rows come out.
#[derive(Debug)]
pub enum Failure {
    /// The bytes are no rows; the row counts from 0, of the whole result.
    Broken { broken: Broken, row: usize },
    /// A value cannot be read; the column counts from 1.
    Value {
        error: ValueError,
        row: usize,
        column: usize,
        oid: u32,
        bytes: Vec<u8>,
    },
    /// The Arrow library refused what was built: a bug.
    Arrow(String),
}

type Result<T> = std::result::Result<T, Failure>;

/// How far the header of COPY was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Start,
    /// Bytes of the header's extension still to be skipped.
    Extension(usize),
    Rows,
    Ended,
}

/// Collects rows and hands them out as record batches.
pub struct Decoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    oids: Vec<u32>,
    copy: bool,
    max_rows: usize,
    max_bytes: usize,
    /// Rows in the batch that is being built, and bytes of its values as they came, and as they have grown.
    rows: usize,
    bytes: usize,
    grown: usize,
    /// Rows of the batches before.
    before: usize,
    part: Part,
    /// The beginning of a row of COPY, and how many bytes there must be to go on.
    pending: Vec<u8>,
    needed: usize,
}

impl Decoder {
    /// `columns` are names and types; `formats` are format codes as for `rows::column_formats`.
    pub fn new(
        columns: Vec<(String, Shape)>,
        formats: &[i64],
        copy: bool,
        max_rows: usize,
        max_bytes: usize,
    ) -> std::result::Result<Decoder, ValueError> {
        let binary = rows::column_formats(formats, columns.len(), copy)?;
        let mut fields = Vec::with_capacity(columns.len());
        let mut made = Vec::with_capacity(columns.len());
        for ((name, shape), binary) in columns.iter().zip(binary) {
            plan::check_format(shape, binary)?;
            let field = Arc::new(shape.field(name, binary));
            made.push(Column::new(shape, field.clone(), binary));
            fields.push(field);
        }
        Ok(Decoder {
            schema: Arc::new(Schema::new(fields)),
            columns: made,
            oids: columns.iter().map(|(_, shape)| shape.oid()).collect(),
            copy,
            max_rows: max_rows.max(1),
            max_bytes: max_bytes.clamp(1, MAX_BATCH_BYTES),
            rows: 0,
            bytes: 0,
            grown: 0,
            before: 0,
            part: Part::Start,
            pending: Vec::new(),
            needed: 0,
        })
    }

    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Appends the rows of a buffer: whole DataRow messages, the body of one, or bytes of COPY in any chunking. The batches that became
    /// full are appended to `full`. After an error the decoder is as new.
    pub fn feed(&mut self, data: &[u8], body: bool, full: &mut Vec<RecordBatch>) -> Result<()> {
        let done = match (self.copy, body) {
            (true, _) => self.feed_copy(data, full),
            (false, true) => self.read(data, Layout::Body, full).map(|_| ()),
            (false, false) => self.read(data, Layout::Messages, full).map(|_| ()),
        };
        if done.is_err() {
            self.reset();
        }
        done
    }

    /// The rows that are left, perhaps none; the decoder is as new then.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let done = if self.pending.is_empty() {
            self.batch()
        } else {
            let broken = Broken {
                offset: self.pending.len(),
                text: CUT.to_owned(),
            };
            Err(self.broken(broken))
        };
        self.reset();
        done
    }

    fn reset(&mut self) {
        self.columns
            .iter_mut()
            .for_each(|column| column.truncate(0));
        (self.rows, self.bytes, self.grown, self.before) = (0, 0, 0, 0);
        self.part = Part::Start;
        self.pending = Vec::new();
        self.needed = 0;
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let arrays = self.columns.iter_mut().map(Column::finish);
        let made = arrays
            .collect::<std::result::Result<Vec<_>, _>>()
            .and_then(|arrays| {
                RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            })
            .map_err(|error| Failure::Arrow(error.to_string()))?;
        self.before += self.rows;
        (self.rows, self.bytes, self.grown) = (0, 0, 0);
        Ok(made)
    }

    fn feed_copy(&mut self, data: &[u8], full: &mut Vec<RecordBatch>) -> Result<()> {
        if self.pending.is_empty() {
            let read = self.read_copy(data, full)?;
            self.pending.extend_from_slice(&data[read..]);
            return Ok(());
        }
        self.pending.extend_from_slice(data);
        if self.pending.len() < self.needed {
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.pending);
        let read = self.read_copy(&all, full)?;
        all.drain(..read);
        self.pending = all;
        Ok(())
    }

    /// Reads what is complete; returns how far that goes.
    fn read_copy(&mut self, data: &[u8], full: &mut Vec<RecordBatch>) -> Result<usize> {
        let mut at = 0;
        if self.part == Part::Start {
            match self.header(data)? {
                Some(length) => at = length,
                None => return Ok(0),
            }
        }
        if let Part::Extension(left) = self.part {
            let skipped = left.min(data.len() - at);
            at += skipped;
            self.part = match left - skipped {
                0 => Part::Rows,
                left => Part::Extension(left),
            };
        }
        if at == data.len() {
            return Ok(at);
        }
        if self.part == Part::Ended {
            let text = format!("{} bytes are left over", data.len() - at);
            return Err(self.broken(Broken { offset: 0, text }));
        }
        Ok(at + self.read(&data[at..], Layout::Copy, full)?)
    }

    /// Reads the header, which may be missing; its length without the extension. None: there are too few bytes to tell.
    fn header(&mut self, data: &[u8]) -> Result<Option<usize>> {
        let known = data.len().min(SIGNATURE.len());
        if data[..known] != SIGNATURE[..known] {
            self.part = Part::Rows;
            return Ok(Some(0));
        }
        let Some(rest) = data.get(SIGNATURE.len()..HEADER) else {
            // Nothing at all begins like a signature, too.
            self.needed = if known < SIGNATURE.len() {
                known + 1
            } else {
                HEADER
            };
            return Ok(None);
        };
        let word =
            |at: usize| u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let (flags, extension) = (word(0), word(4) as i32);
        if flags >= CRITICAL {
            let text = format!("the flags {flags} of the header are unknown");
            let offset = SIGNATURE.len();
            return Err(self.broken(Broken { offset, text }));
        }
        let Ok(extension) = usize::try_from(extension) else {
            let text = format!("the length {extension} of the header's extension is negative");
            let offset = SIGNATURE.len() + 4;
            return Err(self.broken(Broken { offset, text }));
        };
        self.part = Part::Extension(extension);
        Ok(Some(HEADER))
    }

    /// Reads rows; returns how far the whole ones go: only COPY may end within one.
    fn read(&mut self, data: &[u8], layout: Layout, full: &mut Vec<RecordBatch>) -> Result<usize> {
        let mut reader = RowReader::new(data, layout);
        loop {
            let grown = self.grown;
            match self.row(&mut reader) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => {
                    let start = reader.start();
                    if let Failure::Broken { .. } = failure
                        && layout == Layout::Copy
                        && let Some(needed) = self.needs(&data[start..])
                    {
                        let rows = self.rows;
                        self.grown = grown;
                        self.columns
                            .iter_mut()
                            .for_each(|column| column.truncate(rows));
                        self.needed = needed;
                        return Ok(start);
                    }
                    return Err(failure);
                }
            }
            self.rows += 1;
            self.bytes += reader.position() - reader.start();
            if self.rows >= self.max_rows || self.bytes + self.grown >= self.max_bytes {
                full.push(self.batch()?);
            }
        }
        if reader.ended() {
            self.part = Part::Ended;
        }
        Ok(data.len())
    }

    /// Appends the next row; false where there is none.
    #[inline]
    fn row(&mut self, reader: &mut RowReader<'_>) -> Result<bool> {
        let row = self.before + self.rows;
        let broken = |broken: Broken| Failure::Broken { broken, row };
        if !reader.begin(self.columns.len()).map_err(broken)? {
            return Ok(false);
        }
        let grown = self.grown;
        for (number, column) in self.columns.iter_mut().enumerate() {
            let field = reader.field().map_err(broken)?;
            let appended = if column.expands {
                let before = column.size();
                column.append(field).and_then(|()| {
                    self.grown += column.size() - before;
                    if self.grown - grown > MAX_ROW {
                        return Err(data::too_large());
                    }
                    Ok(())
                })
            } else {
                column.append(field)
            };
            if let Err(error) = appended {
                let bytes = field.unwrap_or_default();
                return Err(Failure::Value {
                    error,
                    row,
                    column: number + 1,
                    oid: self.oids[number],
                    bytes: bytes[..bytes.len().min(SHOWN)].to_vec(),
                });
            }
        }
        reader.finish().map_err(broken)?;
        Ok(true)
    }

    /// How many bytes there must be of a tuple that is not all there; None where it is, or where no bytes would mend it.
    fn needs(&self, data: &[u8]) -> Option<usize> {
        let Some(count) = data.first_chunk() else {
            return Some(2);
        };
        let count = usize::from(u16::from_be_bytes(*count));
        if count != self.columns.len() || count == usize::from(u16::MAX) {
            return None;
        }
        let mut at = 2;
        for _ in 0..count {
            let Some(size) = data.get(at..).and_then(|rest| rest.first_chunk()) else {
                return Some(at + 4);
            };
            at += 4;
            match i32::from_be_bytes(*size) {
                -1 => {}
                size => at += usize::try_from(size).ok()?,
            }
            if at > MAX_ROW {
                return None;
            }
            if at > data.len() {
                return Some(at);
            }
        }
        None
    }

    #[cold]
    fn broken(&self, broken: Broken) -> Failure {
        let row = self.before + self.rows;
        Failure::Broken { broken, row }
    }
}
