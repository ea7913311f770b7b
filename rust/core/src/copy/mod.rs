//! The data of COPY in its three formats, both directions (PostgreSQL: COPY, "File Formats").
//!
//! A decoder takes bytes in any chunking and hands out whole rows of fields; an encoder writes fields. What a field's bytes mean is the
//! business of `types`.
mod binary;
mod csv;
mod encoder;
mod encoding;
mod lines;
mod options;
mod row;
mod text;

pub use encoder::Encoder;
pub use options::{Column, CopyError, Encoding, Format, Header, Options};
pub use row::{Field, Row};

use binary::BinaryDecoder;
use lines::LineDecoder;

/// Why a decoder stopped: the data is wrong, or whoever took the rows failed.
#[derive(Debug)]
pub enum Stop<E> {
    Copy(CopyError),
    Sink(E),
}

impl<E> From<CopyError> for Stop<E> {
    fn from(error: CopyError) -> Self {
        Stop::Copy(error)
    }
}

/// Data → rows. After an error, every call gives the same error again.
pub struct Decoder {
    options: Options,
    layout: Layout,
    failed: Option<CopyError>,
}

enum Layout {
    Lines(LineDecoder),
    Binary(BinaryDecoder),
}

impl Decoder {
    pub fn new(options: Options) -> Self {
        let layout = match options.format {
            Format::Binary => Layout::Binary(BinaryDecoder::default()),
            _ => Layout::Lines(LineDecoder::default()),
        };
        Decoder {
            options,
            layout,
            failed: None,
        }
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether the data's own end marker was seen.
    pub fn ended(&self) -> bool {
        match &self.layout {
            Layout::Lines(lines) => lines.ended,
            Layout::Binary(binary) => binary.ended,
        }
    }

    /// Takes bytes, hands each row that is complete to `sink`; with `last`, no more bytes will come.
    pub fn feed<E>(
        &mut self,
        data: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        let done = match &mut self.layout {
            Layout::Lines(lines) => lines.feed(&self.options, data, last, sink),
            Layout::Binary(binary) => binary.feed(&self.options, data, last, sink),
        };
        if let Err(Stop::Copy(error)) = &done {
            self.failed = Some(error.clone());
        }
        done
    }

    /// Makes an error of the caller's own the answer to every later call.
    pub fn fail(&mut self, error: CopyError) {
        self.failed = Some(error);
    }
}

/// Whether a byte of the text is wanted: in blocks without a branch for each byte, which the compiler turns into vectors.
fn contains(text: &[u8], wanted: impl Fn(u8) -> bool) -> bool {
    text.chunks(32).any(|block| {
        block
            .iter()
            .fold(false, |found, byte| found | wanted(*byte))
    })
}
