//! TextStyle: the settings that text depends on, made once and handed to encoders and decoders.
use std::sync::Arc;

use pgwire_py_core::types::interval_text;
use pgwire_py_core::types::style::{Dates, Order, Style};
use pgwire_py_core::types::zone::{LocalTime, Zone};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Changes (second and index), local times (offset and abbreviation), whether they repeat, and now.
type ZoneTable = (Vec<(i64, usize)>, Vec<(i32, String)>, bool, i64);

#[pyclass(frozen, module = "pgwire_py._native")]
pub struct TextStyle {
    pub style: Arc<Style>,
}

#[pymethods]
impl TextStyle {
    #[new]
    #[pyo3(
        signature = (*, dates = "ISO", order = "MDY", intervals = "postgres", zone = None, float_digits = 1, bytea = "hex"),
        text_signature = "(*, dates='ISO', order='MDY', intervals='postgres', zone=None, float_digits=1, bytea='hex')"
    )]
    fn new(
        dates: &str,
        order: &str,
        intervals: &str,
        zone: Option<ZoneTable>,
        float_digits: i8,
        bytea: &str,
    ) -> PyResult<Self> {
        let wrong = |what: &str| PyValueError::new_err(format!("wrong {what}"));
        let dates = match dates {
            "ISO" => Dates::Iso,
            "SQL" => Dates::Sql,
            "Postgres" => Dates::Postgres,
            "German" => Dates::German,
            _ => return Err(wrong("dates")),
        };
        let order = match order {
            "MDY" => Order::Mdy,
            "DMY" => Order::Dmy,
            "YMD" => Order::Ymd,
            _ => return Err(wrong("order")),
        };
        let intervals = interval_text::Style::named(intervals).ok_or_else(|| wrong("intervals"))?;
        if !(-15..=3).contains(&float_digits) {
            return Err(wrong("float_digits"));
        }
        let escape = match bytea {
            "hex" => false,
            "escape" => true,
            _ => return Err(wrong("bytea")),
        };
        let zone = zone
            .map(|(changes, times, repeats, now)| {
                let times = times
                    .into_iter()
                    .map(|(offset, name)| LocalTime { offset, name })
                    .collect();
                Zone::new(changes, times, repeats, now).ok_or_else(|| wrong("zone"))
            })
            .transpose()?;
        Ok(TextStyle {
            style: Arc::new(Style {
                dates,
                order,
                intervals,
                zone,
                float_digits,
                escape,
            }),
        })
    }
}
