//! What a COPY is told in Python, as the core wants it.
use pgwire_py_core::copy::{self, Encoding, Format, Header};
use pgwire_py_core::rows::MAX_COLUMNS;
use pgwire_py_core::types::PgType;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The attributes of `pgwire_py._impl.interface.CopyPlan`.
#[derive(FromPyObject)]
pub struct Plan {
    format: String,
    columns: Vec<String>,
    table: String,
    delimiter: u8,
    null: Vec<u8>,
    default: Option<Vec<u8>>,
    header: String,
    quote: u8,
    escape: u8,
    force_quote: Vec<bool>,
    force_not_null: Vec<bool>,
    force_null: Vec<bool>,
    has_default: Vec<bool>,
    encoding: String,
    legacy_end: bool,
    max_row: usize,
    types: Option<Vec<u32>>,
}

impl Plan {
    pub fn read(plan: &Bound<'_, PyAny>) -> PyResult<(copy::Options, Option<Vec<PgType>>)> {
        let plan: Plan = plan.extract()?;
        let count = plan.columns.len();
        let flags = [
            &plan.force_quote,
            &plan.force_not_null,
            &plan.force_null,
            &plan.has_default,
        ];
        if count > MAX_COLUMNS
            || flags.iter().any(|flags| flags.len() != count)
            || plan
                .types
                .as_ref()
                .is_some_and(|types| types.len() != count)
        {
            return Err(PyValueError::new_err(
                "a plan that does not fit its columns",
            ));
        }
        let columns = plan.columns.into_iter().enumerate();
        let options = copy::Options {
            format: chosen(
                &plan.format,
                [
                    ("text", Format::Text),
                    ("csv", Format::Csv),
                    ("binary", Format::Binary),
                ],
            )?,
            columns: columns
                .map(|(number, name)| copy::Column {
                    name,
                    force_quote: plan.force_quote[number],
                    force_not_null: plan.force_not_null[number],
                    force_null: plan.force_null[number],
                    has_default: plan.has_default[number],
                })
                .collect(),
            table: plan.table,
            delimiter: plan.delimiter,
            null: plan.null,
            default: plan.default,
            header: chosen(
                &plan.header,
                [
                    ("none", Header::None),
                    ("line", Header::Line),
                    ("match", Header::Match),
                ],
            )?,
            quote: plan.quote,
            escape: plan.escape,
            encoding: chosen(
                &plan.encoding,
                [
                    ("UTF8", Encoding::Utf8),
                    ("LATIN1", Encoding::Latin1),
                    ("SQL_ASCII", Encoding::SqlAscii),
                ],
            )?,
            legacy_end: plan.legacy_end,
            max_row: plan.max_row,
        };
        let types = plan
            .types
            .map(|types| types.into_iter().map(PgType::of).collect());
        Ok((options, types))
    }
}

fn chosen<T>(name: &str, choices: [(&str, T); 3]) -> PyResult<T> {
    choices
        .into_iter()
        .find_map(|(known, choice)| (known == name).then_some(choice))
        .ok_or_else(|| PyValueError::new_err(format!("unknown choice {name:?}")))
}
