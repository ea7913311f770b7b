//! One Arrow column while its rows come: the usual values read directly, everything else, and whatever is wrong, by way of a [`Value`].
use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{
    BooleanBufferBuilder, Buffer, IntervalMonthDayNano, NullBufferBuilder, OffsetBuffer, i256,
};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};

use super::decimal::Decimal;
use super::plan::Shape;
use crate::types::short_numeric::{NUMERIC_TEXT, numeric_text};
use crate::types::{Interval, Kind, PgType, Result, Value, ValueError, array, datetime, text};

/// Days and microseconds from 1970-01-01 to 2000-01-01.
const DAYS: i32 = 10_957;
const MICROS: i64 = DAYS as i64 * datetime::MICROS_PER_DAY;

/// How a field's bytes are read.
enum Source {
    Type(PgType, bool),
    List,
    Struct,
}

/// The values so far, in the form that Arrow keeps them.
enum Data {
    Bool(BooleanBufferBuilder),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal128(Vec<i128>, Decimal),
    Decimal256(Vec<i256>, Decimal),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>),
    Interval(Vec<IntervalMonthDayNano>),
    Uuid(Vec<u8>),
    /// Text or binary: the end of each value, and their bytes.
    Bytes(Vec<i32>, Vec<u8>),
    List(Vec<i32>, Box<Column>),
    Struct(Vec<Column>),
}

pub struct Column {
    source: Source,
    nulls: NullBufferBuilder,
    data: Data,
    field: FieldRef,
    /// Whether values may become larger than they came: text of what came in binary.
    pub expands: bool,
}

impl Column {
    pub fn new(shape: &Shape, field: FieldRef, binary: bool) -> Column {
        let source = match shape {
            Shape::Type(oid, _) => Source::Type(PgType::of(*oid), binary),
            Shape::List(_) => Source::List,
            Shape::Struct(_) => Source::Struct,
        };
        let data = match field.data_type() {
            DataType::List(item) => {
                let shape = match shape {
                    Shape::List(shape) => shape.as_ref().clone(),
                    // An array: what its elements are.
                    _ => Shape::Type(PgType::of(shape.oid()).element, -1),
                };
                let item = Column::new(&shape, item.clone(), binary);
                Data::List(vec![0], Box::new(item))
            }
            DataType::Struct(fields) => {
                let Shape::Struct(shapes) = shape else {
                    unreachable!("only a struct's field has fields")
                };
                let columns = shapes.iter().zip(fields);
                Data::Struct(
                    columns
                        .map(|((_, shape), field)| Column::new(shape, field.clone(), binary))
                        .collect(),
                )
            }
            scalar => Data::new(scalar),
        };
        let expands = match (&data, &source) {
            (Data::List(_, item), _) => item.expands,
            (Data::Struct(columns), _) => columns.iter().any(|column| column.expands),
            (Data::Bytes(..), Source::Type(ty, _)) => !matches!(
                ty.kind,
                Kind::Text | Kind::Json | Kind::Jsonb | Kind::Raw | Kind::Bytea
            ),
            _ => false,
        };
        Column {
            source,
            nulls: NullBufferBuilder::new(0),
            data,
            field,
            expands,
        }
    }

    /// Appends a row's field, None for NULL. After an error the column is only good for [`Column::truncate`].
    #[inline]
    pub fn append(&mut self, field: Option<&[u8]>) -> Result<()> {
        let Some(bytes) = field else {
            self.append_null();
            return Ok(());
        };
        match self.source {
            Source::Type(ty, binary) => {
                if (binary || ty.kind == Kind::Text) && self.data.short(ty, bytes) {
                    self.nulls.append_non_null();
                    return Ok(());
                }
                let value = ty.decode(binary, bytes)?;
                self.append_value(&value)
            }
            Source::List => self.append_list(bytes),
            Source::Struct => self.append_struct(bytes),
        }
    }

    fn append_null(&mut self) {
        self.nulls.append_null();
        match &mut self.data {
            Data::Bool(values) => values.append(false),
            Data::Int16(values) => values.push(0),
            Data::Int32(values) | Data::Date(values) => values.push(0),
            Data::Int64(values) | Data::Time(values) | Data::Timestamp(values) => values.push(0),
            Data::UInt32(values) => values.push(0),
            Data::UInt64(values) => values.push(0),
            Data::Float32(values) => values.push(0.0),
            Data::Float64(values) => values.push(0.0),
            Data::Decimal128(values, _) => values.push(0),
            Data::Decimal256(values, _) => values.push(i256::ZERO),
            Data::Interval(values) => values.push(IntervalMonthDayNano::default()),
            Data::Uuid(values) => values.extend_from_slice(&[0; 16]),
            Data::Bytes(ends, _) | Data::List(ends, _) => ends.push(ends[ends.len() - 1]),
            Data::Struct(columns) => columns.iter_mut().for_each(Column::append_null),
        }
    }

    fn append_value(&mut self, value: &Value<'_>) -> Result<()> {
        match (&mut self.data, value) {
            (Data::List(ends, item), Value::Array(array)) => {
                check_dimensions(array.dimensions.len())?;
                for value in &array.items {
                    match value {
                        None => item.append_null(),
                        Some(value) => item.append_value(value)?,
                    }
                }
                ends.push(end(item.len())?);
            }
            (data, value) => data.push(value)?,
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// A binary array whose elements' type is spelled out: any OID is taken for it.
    fn append_list(&mut self, bytes: &[u8]) -> Result<()> {
        let Data::List(ends, item) = &mut self.data else {
            unreachable!("a list is kept as one")
        };
        let items = array::read_items(bytes)?;
        check_dimensions(items.dimensions)?;
        let mut rest = items.rest;
        for _ in 0..items.count {
            item.append(array::sized(&mut rest)?)?;
        }
        if !rest.is_empty() {
            return Err(ValueError::binary());
        }
        ends.push(end(item.len())?);
        self.nulls.append_non_null();
        Ok(())
    }

    /// A binary record whose fields' types are spelled out: any OIDs are taken for them.
    fn append_struct(&mut self, bytes: &[u8]) -> Result<()> {
        let Data::Struct(columns) = &mut self.data else {
            unreachable!("a struct is kept as one")
        };
        let mut rest = bytes;
        let count = array::word(&mut rest)?;
        if usize::try_from(count) != Ok(columns.len()) {
            let message = format!(
                "wrong number of columns: {count}, expected {}",
                columns.len()
            );
            return Err(ValueError::new("42804", message));
        }
        for column in columns {
            array::word(&mut rest)?;
            column.append(array::sized(&mut rest)?)?;
        }
        if !rest.is_empty() {
            return Err(ValueError::binary());
        }
        self.nulls.append_non_null();
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Bytes of the values of variable size.
    pub fn size(&self) -> usize {
        match &self.data {
            Data::Bytes(_, bytes) => bytes.len(),
            Data::List(_, item) => item.size(),
            Data::Struct(columns) => columns.iter().map(Column::size).sum(),
            _ => 0,
        }
    }

    /// Keeps the first rows only.
    pub fn truncate(&mut self, rows: usize) {
        if self.nulls.len() > rows {
            self.nulls.truncate(rows);
        }
        match &mut self.data {
            Data::Bool(values) => values.truncate(rows),
            Data::Int16(values) => values.truncate(rows),
            Data::Int32(values) | Data::Date(values) => values.truncate(rows),
            Data::Int64(values) | Data::Time(values) | Data::Timestamp(values) => {
                values.truncate(rows);
            }
            Data::UInt32(values) => values.truncate(rows),
            Data::UInt64(values) => values.truncate(rows),
            Data::Float32(values) => values.truncate(rows),
            Data::Float64(values) => values.truncate(rows),
            Data::Decimal128(values, _) => values.truncate(rows),
            Data::Decimal256(values, _) => values.truncate(rows),
            Data::Interval(values) => values.truncate(rows),
            Data::Uuid(values) => values.truncate(rows * 16),
            Data::Bytes(ends, bytes) => {
                ends.truncate(rows + 1);
                bytes.truncate(ends[ends.len() - 1] as usize);
            }
            Data::List(ends, item) => {
                ends.truncate(rows + 1);
                item.truncate(ends[ends.len() - 1] as usize);
            }
            Data::Struct(columns) => columns.iter_mut().for_each(|column| column.truncate(rows)),
        }
    }

    /// The array of all rows; the column is empty then.
    pub fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        let rows = self.len();
        let nulls = self.nulls.finish();
        macro_rules! primitive {
            ($values:expr, $of:ty) => {{
                let values = renewed($values);
                Arc::new(PrimitiveArray::<$of>::try_new(values.into(), nulls)?)
            }};
        }
        let kind = self.field.data_type();
        Ok(match &mut self.data {
            Data::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Data::Int16(values) => primitive!(values, Int16Type),
            Data::Int32(values) => primitive!(values, Int32Type),
            Data::Int64(values) => primitive!(values, Int64Type),
            Data::UInt32(values) => primitive!(values, UInt32Type),
            Data::UInt64(values) => primitive!(values, UInt64Type),
            Data::Float32(values) => primitive!(values, Float32Type),
            Data::Float64(values) => primitive!(values, Float64Type),
            Data::Date(values) => primitive!(values, Date32Type),
            Data::Time(values) => primitive!(values, Time64MicrosecondType),
            Data::Interval(values) => primitive!(values, IntervalMonthDayNanoType),
            Data::Timestamp(values) => {
                let values = renewed(values).into();
                let array = PrimitiveArray::<TimestampMicrosecondType>::try_new(values, nulls)?;
                Arc::new(array.with_data_type(kind.clone()))
            }
            Data::Decimal128(values, _) => {
                let values = renewed(values).into();
                let array = PrimitiveArray::<Decimal128Type>::try_new(values, nulls)?;
                Arc::new(array.with_data_type(kind.clone()))
            }
            Data::Decimal256(values, _) => {
                let values = renewed(values).into();
                let array = PrimitiveArray::<Decimal256Type>::try_new(values, nulls)?;
                Arc::new(array.with_data_type(kind.clone()))
            }
            Data::Uuid(values) => {
                let values = Buffer::from_vec(renewed(values));
                Arc::new(FixedSizeBinaryArray::try_new(16, values, nulls)?)
            }
            Data::Bytes(ends, bytes) => {
                let (ends, bytes) = (offsets(ends), Buffer::from_vec(renewed(bytes)));
                match kind {
                    DataType::Binary => Arc::new(BinaryArray::try_new(ends, bytes, nulls)?),
                    _ => Arc::new(StringArray::try_new(ends, bytes, nulls)?),
                }
            }
            Data::List(ends, item) => {
                let (values, ends) = (item.finish()?, offsets(ends));
                Arc::new(ListArray::try_new(item.field.clone(), ends, values, nulls)?)
            }
            Data::Struct(columns) => {
                let fields: Fields = columns.iter().map(|column| column.field.clone()).collect();
                let arrays = columns.iter_mut().map(Column::finish);
                let arrays = arrays.collect::<std::result::Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(
                    fields, arrays, nulls, rows,
                )?)
            }
        })
    }
}

impl Data {
    /// For a type that is neither a list nor a struct.
    fn new(kind: &DataType) -> Data {
        let decimal = |precision: u8, scale: i8| Decimal {
            precision,
            scale: scale as u8,
        };
        match kind {
            DataType::Boolean => Data::Bool(BooleanBufferBuilder::new(0)),
            DataType::Int16 => Data::Int16(Vec::new()),
            DataType::Int32 => Data::Int32(Vec::new()),
            DataType::Int64 => Data::Int64(Vec::new()),
            DataType::UInt32 => Data::UInt32(Vec::new()),
            DataType::UInt64 => Data::UInt64(Vec::new()),
            DataType::Float32 => Data::Float32(Vec::new()),
            DataType::Float64 => Data::Float64(Vec::new()),
            DataType::Decimal128(precision, scale) => {
                Data::Decimal128(Vec::new(), decimal(*precision, *scale))
            }
            DataType::Decimal256(precision, scale) => {
                Data::Decimal256(Vec::new(), decimal(*precision, *scale))
            }
            DataType::Date32 => Data::Date(Vec::new()),
            DataType::Time64(_) => Data::Time(Vec::new()),
            DataType::Timestamp(..) => Data::Timestamp(Vec::new()),
            DataType::Interval(_) => Data::Interval(Vec::new()),
            DataType::FixedSizeBinary(_) => Data::Uuid(Vec::new()),
            _ => Data::Bytes(vec![0], Vec::new()),
        }
    }

    /// Reads the usual value of a type in binary format (or a text); whether it has.
    #[inline]
    fn short(&mut self, ty: PgType, bytes: &[u8]) -> bool {
        match self {
            Data::Int16(values) => push(values, bytes, i16::from_be_bytes),
            Data::Int32(values) => push(values, bytes, i32::from_be_bytes),
            Data::Int64(values) => push(values, bytes, i64::from_be_bytes),
            Data::UInt32(values) => push(values, bytes, u32::from_be_bytes),
            Data::UInt64(values) => push(values, bytes, u64::from_be_bytes),
            Data::Float32(values) => push(values, bytes, f32::from_be_bytes),
            Data::Float64(values) => push(values, bytes, f64::from_be_bytes),
            Data::Bool(values) => match bytes {
                [byte @ 0..=1] => {
                    values.append(*byte == 1);
                    true
                }
                _ => false,
            },
            Data::Timestamp(values) => match bytes.try_into().map(i64::from_be_bytes) {
                Ok(micros @ MICROS_FIRST..=MICROS_LAST) => {
                    values.push(micros + MICROS);
                    true
                }
                _ => false,
            },
            Data::Date(values) => match bytes.try_into().map(i32::from_be_bytes) {
                Ok(days @ -700_000..=100_000_000) => {
                    values.push(days + DAYS);
                    true
                }
                _ => false,
            },
            Data::Time(values) => match bytes.try_into().map(i64::from_be_bytes) {
                Ok(micros @ 0..=datetime::MICROS_PER_DAY) => {
                    values.push(micros);
                    true
                }
                _ => false,
            },
            Data::Uuid(values) => {
                let fits = bytes.len() == 16;
                if fits {
                    values.extend_from_slice(bytes);
                }
                fits
            }
            Data::Decimal128(values, decimal) if ty.kind == Kind::Numeric => {
                match decimal.short(bytes) {
                    Some(value) => {
                        values.push(value);
                        true
                    }
                    None => false,
                }
            }
            Data::Bytes(ends, all) => match ty.kind {
                Kind::Text | Kind::Json | Kind::Raw => {
                    text::from_utf8(bytes).is_ok() && put(ends, all, bytes)
                }
                Kind::Bytea => put(ends, all, bytes),
                Kind::Numeric => {
                    let mut buffer = [0; NUMERIC_TEXT];
                    match numeric_text(bytes, &mut buffer) {
                        Some(text) => put(ends, all, text.as_bytes()),
                        None => false,
                    }
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn push(&mut self, value: &Value<'_>) -> Result<()> {
        match (self, value) {
            (Data::Bool(values), Value::Bool(v)) => values.append(*v),
            (Data::Int16(values), Value::Int2(v)) => values.push(*v),
            (Data::Int32(values), Value::Int4(v)) => values.push(*v),
            (Data::Int64(values), Value::Int8(v)) => values.push(*v),
            (Data::UInt32(values), Value::Oid(v) | Value::Reg(v)) => values.push(*v),
            (Data::UInt64(values), Value::Xid8(v)) => values.push(*v),
            (Data::Float32(values), Value::Float4(v)) => values.push(*v),
            (Data::Float64(values), Value::Float8(v)) => values.push(*v),
            (Data::Decimal128(values, decimal), Value::Numeric(v)) => {
                values.push(decimal.narrow(v)?);
            }
            (Data::Decimal128(values, _), Value::Money(v)) => values.push(i128::from(*v)),
            (Data::Decimal256(values, decimal), Value::Numeric(v)) => values.push(decimal.wide(v)?),
            (Data::Date(values), Value::Date(v)) => values.push(date(*v)),
            (Data::Time(values), Value::Time(v)) => values.push(*v),
            (Data::Timestamp(values), Value::Timestamp(v) | Value::TimestampTz(v)) => {
                values.push(timestamp(*v)?);
            }
            (Data::Interval(values), Value::Interval(v)) => values.push(interval(v)?),
            (Data::Uuid(values), Value::Uuid(v)) => values.extend_from_slice(v),
            (Data::Bytes(ends, all), Value::Bytea(v)) => {
                all.extend_from_slice(v);
                ends.push(end(all.len())?);
            }
            (Data::Bytes(ends, all), value) => {
                value.write_text(all)?;
                ends.push(end(all.len())?);
            }
            _ => return Err(ValueError::new("XX000", "a value of another type")),
        }
        Ok(())
    }
}

/// Microseconds of almost 2,000 years before 2000-01-01 and after it: what lies between needs no check.
const MICROS_FIRST: i64 = -63_000_000_000_000_000;
const MICROS_LAST: i64 = 63_000_000_000_000_000;

#[inline]
fn push<T, const N: usize>(values: &mut Vec<T>, bytes: &[u8], read: fn([u8; N]) -> T) -> bool {
    let found = bytes.try_into().map(read);
    if let Ok(value) = found {
        values.push(value);
        return true;
    }
    false
}

#[inline]
fn put(ends: &mut Vec<i32>, all: &mut Vec<u8>, bytes: &[u8]) -> bool {
    match end(all.len() + bytes.len()) {
        Ok(end) => {
            all.extend_from_slice(bytes);
            ends.push(end);
            true
        }
        Err(_) => false,
    }
}

/// An offset: a batch ends long before there are too many bytes, but one row may hold a great many elements.
fn end(length: usize) -> Result<i32> {
    i32::try_from(length).map_err(|_| too_large())
}

pub fn too_large() -> ValueError {
    ValueError::new("54000", "a row exceeds what an Arrow batch holds")
}

fn check_dimensions(dimensions: usize) -> Result<()> {
    if dimensions <= 1 {
        return Ok(());
    }
    let message =
        format!("an array of {dimensions} dimensions is no Arrow list; read it as text instead");
    Err(ValueError::new("0A000", message))
}

/// Days since 1970; the infinities stay the extremes.
fn date(days: i32) -> i32 {
    match days {
        i32::MAX | i32::MIN => days,
        // The last day that PostgreSQL has is 2,145,042,540.
        _ => days + DAYS,
    }
}

fn timestamp(micros: i64) -> Result<i64> {
    match micros {
        i64::MAX | i64::MIN => Ok(micros),
        _ => micros.checked_add(MICROS).ok_or_else(|| {
            ValueError::new("22008", "timestamp out of range of Arrow's microseconds")
        }),
    }
}

fn interval(value: &Interval) -> Result<IntervalMonthDayNano> {
    let nanos = match value.infinity() {
        Some(true) => i64::MAX,
        Some(false) => i64::MIN,
        None => value.micros.checked_mul(1000).ok_or_else(|| {
            ValueError::new("22008", "interval out of range of Arrow's nanoseconds")
        })?,
    };
    Ok(IntervalMonthDayNano::new(value.months, value.days, nanos))
}

/// The values, and in their place a vector with room for as many.
fn renewed<T>(values: &mut Vec<T>) -> Vec<T> {
    std::mem::take(values)
}

fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let all = std::mem::replace(ends, vec![0]);
    OffsetBuffer::new(all.into())
}
