//! Lists and tuples on their way to an array.
use pgwire_py_core::types::{Kind, Value, ValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::{Fail, scalar};

pub fn is_sequence(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>()
}

/// Nested sequences on their way to an array: every block of a depth must have the same size.
pub struct Walk {
    kind: Kind,
    /// Records around the array.
    depth: usize,
    pub dimensions: Vec<usize>,
    pub items: Vec<Option<Value<'static>>>,
}

impl Walk {
    pub fn new(kind: Kind, depth: usize) -> Walk {
        Walk {
            kind,
            depth,
            dimensions: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Whether an object is a further dimension: a tuple is an element of its own where the elements are tuples.
    fn is_block(&self, object: &Bound<'_, PyAny>) -> bool {
        let tuples = matches!(self.kind, Kind::Tid | Kind::Snapshot | Kind::Structured(_));
        object.is_instance_of::<PyList>() || !tuples && object.is_instance_of::<PyTuple>()
    }

    pub fn sequence(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Result<(), Fail> {
        let size = object.len()?;
        if self.dimensions.len() == depth {
            if !self.items.is_empty() {
                return Err(ragged());
            }
            // A seventh dimension is refused here, before anything that contains itself is followed further.
            if depth == 6 {
                let message = "number of array dimensions (7) exceeds the maximum allowed (6)";
                return Err(ValueError::new("54000", message).into());
            }
            self.dimensions.push(size);
        } else if self.dimensions[depth] != size {
            return Err(ragged());
        }
        for position in 0..size {
            let item = object.get_item(position)?;
            if self.is_block(&item) {
                self.sequence(&item, depth + 1)?;
            } else if self.dimensions.len() != depth + 1 {
                return Err(ragged());
            } else if item.is_none() {
                self.items.push(None);
            } else {
                self.items
                    .push(Some(scalar(self.kind, &item, self.depth)?.into_owned()));
            }
        }
        Ok(())
    }
}

fn ragged() -> Fail {
    ValueError::new(
        "2202E",
        "multidimensional arrays must have array expressions with matching dimensions",
    )
    .into()
}
