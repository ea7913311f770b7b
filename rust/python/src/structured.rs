//! Values with parts: to the classes of `pgwire_py.values` and back.
use pgwire_py_core::types::bits::Bits;
use pgwire_py_core::types::ranges::{self, Range, Subtype};
use pgwire_py_core::types::record::{self, Field};
use pgwire_py_core::types::shapes::{Point, Shape};
use pgwire_py_core::types::style;
use pgwire_py_core::types::vectors::{Element, Vector};
use pgwire_py_core::types::{
    Array, Kind, PgType, Structure, Structured, ValueError, ranges::Bound as RangeBound,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::extract::{
    Fail, extract as extract_value, extract_within, fitting, float, is_sequence, mismatch,
    out_of_range,
};
use crate::values::object as object_of;

/// A class of `pgwire_py.values`.
pub fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || {
        py.import("pgwire_py.values")
            .map(|module| module.into_any().unbind())
    })?;
    module.bind(py).getattr(name)
}

fn is_a(object: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    object.is_instance(&class(object.py(), name)?)
}

/// The Python object of a value.
pub fn object<'py>(py: Python<'py>, value: &Structured) -> Result<Bound<'py, PyAny>, Fail> {
    Ok(match value {
        Structured::Bits(bits) => class(py, "BitString")?
            .call_method1("frombytes", (PyBytes::new(py, &bits.bytes), bits.length))?,
        Structured::Shape(shape) => shape_object(py, shape)?,
        Structured::Range(_, range) => range_object(py, range)?,
        Structured::Multirange(_, ranges) => {
            let ranges = ranges
                .iter()
                .map(|range| range_object(py, range))
                .collect::<Result<Vec<_>, _>>()?;
            class(py, "Multirange")?.call_method1("_trusted", (PyList::new(py, ranges)?,))?
        }
        Structured::Record(fields) => {
            let fields = fields
                .iter()
                .map(|field| match &field.value {
                    Some(value) => object_of(py, value),
                    None => Ok(py.None().into_bound(py)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            PyTuple::new(py, fields)?.into_any()
        }
        Structured::TsVector(_) | Structured::TsQuery(_) => {
            let mut out = Vec::new();
            value.write_text(&mut out, &style::DEFAULT)?;
            String::from_utf8_lossy(&out).into_pyobject(py)?.into_any()
        }
        Structured::Vector(vector) => PyTuple::new(py, &vector.items)?.into_any(),
    })
}

fn point<'py>(py: Python<'py>, point: &Point) -> PyResult<Bound<'py, PyAny>> {
    class(py, "Point")?.call1((point[0], point[1]))
}

fn shape_object<'py>(py: Python<'py>, shape: &Shape) -> PyResult<Bound<'py, PyAny>> {
    let points = |points: &[Point]| {
        let points = points.iter().map(|item| point(py, item));
        PyTuple::new(py, points.collect::<PyResult<Vec<_>>>()?)
    };
    match shape {
        Shape::Point(value) => point(py, value),
        Shape::Line([a, b, c]) => class(py, "Line")?.call1((*a, *b, *c)),
        Shape::Lseg(ends) => class(py, "LineSegment")?.call1(points(ends)?),
        Shape::Box(corners) => class(py, "Box")?.call1(points(corners)?),
        Shape::Path {
            closed,
            points: all,
        } => class(py, "Path")?.call_method1("_trusted", (points(all)?, *closed)),
        Shape::Polygon(all) => class(py, "Polygon")?.call_method1("_trusted", (points(all)?, true)),
        Shape::Circle { center, radius } => {
            class(py, "Circle")?.call1((point(py, center)?, *radius))
        }
    }
}

fn range_object<'py>(py: Python<'py>, range: &Range) -> Result<Bound<'py, PyAny>, Fail> {
    let class = class(py, "Range")?;
    let Range::Between(lower, upper) = range else {
        let arguments = PyDict::new(py);
        arguments.set_item("empty", true)?;
        return Ok(class.call((), Some(&arguments))?);
    };
    let value = |bound: &Option<RangeBound>| {
        bound
            .as_ref()
            .map(|bound| object_of(py, &bound.value))
            .transpose()
    };
    let inclusive =
        |bound: &Option<RangeBound>| bound.as_ref().is_some_and(|bound| bound.inclusive);
    let parts = (
        value(lower)?,
        value(upper)?,
        inclusive(lower),
        inclusive(upper),
    );
    Ok(class.call_method1("_trusted", parts)?)
}

/// The value of an object for a type with parts; `depth` records lie around it.
pub fn extract(
    kind: Structure,
    object: &Bound<'_, PyAny>,
    depth: usize,
) -> Result<Structured, Fail> {
    let wrong = || mismatch(kind.sql_name(), object);
    Ok(match kind {
        Structure::Bit | Structure::VarBit => {
            if !is_a(object, "BitString")? {
                return Err(wrong());
            }
            let bytes: Vec<u8> = object.getattr("bytes")?.extract()?;
            let length = object.len()?;
            if bytes.len() != length.div_ceil(8) {
                return Err(wrong());
            }
            Structured::Bits(Bits::new(length, bytes))
        }
        Structure::Range(of) => Structured::Range(of, range(kind, of, object)?),
        Structure::Multirange(of) => {
            if !is_sequence(object) && !is_a(object, "Multirange")? {
                return Err(wrong());
            }
            let items = object
                .try_iter()?
                .map(|item| range(kind, of, &item?))
                .collect::<Result<Vec<_>, Fail>>()?;
            Structured::Multirange(of, ranges::merge(of, items))
        }
        Structure::Record => Structured::Record(fields(object, depth)?),
        Structure::TsVector | Structure::TsQuery => return Err(wrong()),
        Structure::Vector(of) => Structured::Vector(vector(of, object, wrong)?),
        shape => Structured::Shape(extract_shape(shape, object)?),
    })
}

fn range(kind: Structure, of: Subtype, object: &Bound<'_, PyAny>) -> Result<Range, Fail> {
    if !is_a(object, "Range")? {
        return Err(mismatch(kind.sql_name(), object));
    }
    if object.getattr("isempty")?.is_truthy()? {
        return Ok(Range::Empty);
    }
    let bound = |name: &str, inclusive: &str| -> Result<Option<RangeBound>, Fail> {
        let value = object.getattr(name)?;
        if value.is_none() {
            return Ok(None);
        }
        let (oid, kind) = of.scalar();
        let ty = PgType {
            oid,
            kind,
            element: 0,
        };
        let value = extract_value(ty, &value)?.into_owned();
        let inclusive = object.getattr(inclusive)?.is_truthy()?;
        Ok(Some(RangeBound { value, inclusive }))
    };
    let (lower, upper) = (bound("lower", "lower_inc")?, bound("upper", "upper_inc")?);
    Ok(Range::new(of, lower, upper)?)
}

/// A tuple or list as a record: each field's type is that of its Python value.
fn fields(object: &Bound<'_, PyAny>, depth: usize) -> Result<Vec<Field>, Fail> {
    static FIELD_TYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if !is_sequence(object) {
        return Err(mismatch("record", object));
    }
    record::check_depth(depth)?;
    let py = object.py();
    let field_type = FIELD_TYPE.get_or_try_init(py, || {
        Ok::<_, PyErr>(
            py.import("pgwire_py._impl.record_types")?
                .getattr("field_type")?
                .unbind(),
        )
    })?;
    object
        .try_iter()?
        .map(|item| {
            let item = item?;
            let oid: u32 = field_type.bind(py).call1((&item,))?.extract()?;
            let value = match item.is_none() {
                true => None,
                false => Some(extract_within(PgType::of(oid), &item, depth + 1)?.into_owned()),
            };
            Ok(Field { oid, value })
        })
        .collect()
}

fn vector(
    of: Element,
    object: &Bound<'_, PyAny>,
    wrong: impl Fn() -> Fail,
) -> Result<Vector, Fail> {
    if !is_sequence(object) {
        return Err(wrong());
    }
    let (kind, least, most) = of.range();
    let items = object
        .try_iter()?
        .map(|item| {
            fitting::<i64>(kind, &item?)?
                .filter(|item| (least..=most).contains(item))
                .ok_or_else(|| out_of_range(kind).into())
        })
        .collect::<Result<Vec<_>, Fail>>()?;
    Ok(Vector { of, items })
}

/// The parts of a tuple or list that must have so many.
fn parts<'py>(
    kind: Structure,
    object: &Bound<'py, PyAny>,
    count: usize,
) -> Result<Vec<Bound<'py, PyAny>>, Fail> {
    if !is_sequence(object) || object.len()? != count {
        return Err(mismatch(kind.sql_name(), object));
    }
    Ok(object.try_iter()?.collect::<PyResult<_>>()?)
}

fn coordinates<const N: usize>(
    kind: Structure,
    object: &Bound<'_, PyAny>,
) -> Result<[f64; N], Fail> {
    let mut found = [0.0; N];
    for (coordinate, part) in found.iter_mut().zip(parts(kind, object, N)?) {
        *coordinate = float(Kind::Float8, &part)?;
    }
    Ok(found)
}

fn extract_shape(kind: Structure, object: &Bound<'_, PyAny>) -> Result<Shape, Fail> {
    Ok(match kind {
        Structure::Point => Shape::Point(coordinates(kind, object)?),
        Structure::Line => Shape::new_line(coordinates(kind, object)?, "22P02")?,
        Structure::Lseg | Structure::Box => {
            let ends = parts(kind, object, 2)?;
            let first = coordinates(kind, &ends[0])?;
            let second = coordinates(kind, &ends[1])?;
            if kind == Structure::Lseg {
                Shape::Lseg([first, second])
            } else {
                Shape::new_box(first, second)
            }
        }
        Structure::Circle => {
            let both = parts(kind, object, 2)?;
            let center = coordinates(kind, &both[0])?;
            let radius = float(Kind::Float8, &both[1])?;
            if radius < 0.0 {
                return Err(ValueError::new("22P02", "a circle has no negative radius").into());
            }
            Shape::Circle { center, radius }
        }
        _ => {
            let (closed, points) = if is_a(object, "Path")? {
                let closed = object.getattr("is_closed")?.is_truthy()?;
                (closed, object.getattr("points")?)
            } else if is_sequence(object) {
                (object.is_instance_of::<PyTuple>(), object.clone())
            } else {
                return Err(mismatch(kind.sql_name(), object));
            };
            let points = points
                .try_iter()?
                .map(|point| coordinates(kind, &point?))
                .collect::<Result<Vec<Point>, Fail>>()?;
            if points.is_empty() {
                return Err(
                    ValueError::new("22P02", "a path or polygon has one point at least").into(),
                );
            }
            if kind == Structure::Path {
                Shape::Path { closed, points }
            } else {
                Shape::Polygon(points)
            }
        }
    })
}

/// The lower bounds that an `Array` asks for.
pub fn lower_bounds(
    object: &Bound<'_, PyAny>,
    array: &Array<'_>,
) -> Result<Option<Vec<i32>>, Fail> {
    if object.is_exact_instance_of::<PyList>() || !is_a(object, "Array")? {
        return Ok(None);
    }
    let bounds = object.getattr("lower_bounds")?;
    let count = bounds.len()?;
    if count == 0 || array.items.is_empty() {
        return Ok(None);
    }
    if count != array.dimensions.len() {
        let message = format!(
            "{count} lower bounds for an array of {} dimensions",
            array.dimensions.len()
        );
        return Err(ValueError::new("2202E", message).into());
    }
    bounds
        .extract::<Vec<i32>>()
        .map(Some)
        .map_err(|_| ValueError::new("22003", "integer out of range").into())
}
