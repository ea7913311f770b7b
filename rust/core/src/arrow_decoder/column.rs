//! One Arrow column while its rows come: the usual values read directly, everything else, and whatever is wrong, by way of a [`Value`].
use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{Buffer, IntervalMonthDayNano, NullBufferBuilder, OffsetBuffer, i256};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};

use super::data::{Data, end};
use super::plan::Shape;
use crate::types::{Kind, PgType, Result, Value, ValueError, array};

/// How a field's bytes are read.
enum Source {
    Type(PgType, bool),
    List,
    Struct,
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

fn check_dimensions(dimensions: usize) -> Result<()> {
    if dimensions <= 1 {
        return Ok(());
    }
    let message =
        format!("an array of {dimensions} dimensions is no Arrow list; read it as text instead");
    Err(ValueError::new("0A000", message))
}

/// The values, and in their place a vector with room for as many.
fn renewed<T>(values: &mut Vec<T>) -> Vec<T> {
    std::mem::take(values)
}

fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let all = std::mem::replace(ends, vec![0]);
    OffsetBuffer::new(all.into())
}
