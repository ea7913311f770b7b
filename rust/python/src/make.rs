//! Python objects made in the shortest way that CPython offers: the strings, integers, decimals, lists and tuples of decoded rows.
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple, PyType};

use crate::record::Names;
use crate::record_object;

/// A `str` of UTF-8; None where the bytes are not UTF-8 or hold a zero byte.
#[inline]
pub fn text<'py>(py: Python<'py>, bytes: &[u8]) -> Option<Bound<'py, PyAny>> {
    // One pass without a branch, which is compiled to vectors: every byte is in 1..=127.
    let plain = bytes
        .iter()
        .fold(true, |plain, byte| plain & (byte.wrapping_sub(1) < 127));
    if plain && bytes.len() > 1 {
        return ascii(py, bytes).ok();
    }
    if let ([letter], true) = (bytes, plain) {
        return letter_of(py, *letter).ok();
    }
    if bytes.contains(&0) {
        return None;
    }
    // SAFETY: the pointer and the length are those of a slice, whose length fits isize; the result is a new reference, or null with an
    // error set.
    let made = unsafe {
        let pointer = bytes.as_ptr().cast();
        let length = bytes.len() as ffi::Py_ssize_t;
        let made = ffi::PyUnicode_DecodeUTF8(pointer, length, std::ptr::null());
        Bound::from_owned_ptr_or_opt(py, made)
    };
    if made.is_none() {
        // Said again, in PostgreSQL's words, by whoever reads it with care.
        drop(PyErr::take(py));
    }
    made
}

/// The `str` of one character, which CPython shares.
#[inline]
fn letter_of(py: Python<'_>, letter: u8) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the result is a new reference, or null with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_FromOrdinal(letter.into())) }
}

/// A `str` of bytes that are ASCII, more than one (CPython shares the shorter ones).
#[inline]
fn ascii<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a new str with room for so many characters of one byte each (the highest is below 128), filled before anybody sees it.
    unsafe {
        let made = ffi::PyUnicode_New(bytes.len() as ffi::Py_ssize_t, 127);
        let made = Bound::from_owned_ptr_or_err(py, made)?;
        let room = ffi::PyUnicode_1BYTE_DATA(made.as_ptr());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len());
        Ok(made)
    }
}

/// `class(text)`, for a class whose instances its `__new__` makes ready, as `decimal.Decimal`'s does; the text is ASCII.
#[inline]
pub fn of_text<'py>(class: &Bound<'py, PyType>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    if text.len() < 2 {
        return class.call1((text,));
    }
    let arguments = PyTuple::new(py, [ascii(py, text.as_bytes())?])?;
    let class = class.as_type_ptr();
    // SAFETY: the class is alive while borrowed, and its tp_new is called as type.__call__ would; the result is a new reference, or null
    // with an error set.
    unsafe {
        match (*class).tp_new {
            Some(new) => {
                let made = new(class, arguments.as_ptr(), std::ptr::null_mut());
                Bound::from_owned_ptr_or_err(py, made)
            }
            None => Err(pyo3::exceptions::PyTypeError::new_err(
                "cannot create instances",
            )),
        }
    }
}

/// How many small integers CPython shares, from the smallest on.
const SMALL: usize = 262;
const SMALLEST: i64 = -5;

/// The integers that CPython shares: to look one up here costs less than to ask for it.
pub struct SmallInts([Py<PyAny>; SMALL]);

impl SmallInts {
    pub fn get(py: Python<'_>) -> &Self {
        static SHARED: PyOnceLock<SmallInts> = PyOnceLock::new();
        SHARED.get_or_init(py, || {
            let made = |at| object(py, SMALLEST + at as i64).unbind();
            SmallInts(std::array::from_fn(made))
        })
    }

    /// An `int`.
    #[inline(always)]
    pub fn make<'py>(&self, py: Python<'py>, value: i64) -> Bound<'py, PyAny> {
        // Not `as usize`: where that has 32 bits, 2^32 would be found as 0.
        let at = usize::try_from(value.wrapping_sub(SMALLEST)).ok();
        match at.and_then(|at| self.0.get(at)) {
            Some(shared) => shared.bind(py).clone(),
            None => object(py, value),
        }
    }
}

fn object(py: Python<'_>, value: i64) -> Bound<'_, PyAny> {
    let Ok(made) = value.into_pyobject(py);
    made.into_any()
}

/// A list of what `next` makes, so many times; None where it makes nothing. The garbage collector does not see it: see [`track`].
#[inline]
pub fn list<'py>(
    py: Python<'py>,
    size: usize,
    mut next: impl FnMut() -> PyResult<Option<Bound<'py, PyAny>>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // SAFETY: a new list, or null with an error set.
    let list = unsafe {
        let made = ffi::PyList_New(size as ffi::Py_ssize_t);
        let list = Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked::<PyList>();
        ffi::PyObject_GC_UnTrack(made.cast());
        list
    };
    for at in 0..size {
        let Some(value) = next()? else {
            return Ok(None);
        };
        // SAFETY: the list is new and nobody else's, the place is one of its own and empty; the reference goes to the list.
        unsafe { ffi::PyList_SET_ITEM(list.as_ptr(), at as ffi::Py_ssize_t, value.into_ptr()) };
    }
    Ok(Some(list.into_any()))
}

/// Lets the garbage collector see an object that was made here without it, once.
#[inline]
pub fn track(object: &Bound<'_, PyAny>) {
    // SAFETY: the object is alive and whole; CPython ends the process where it is tracked already.
    unsafe { ffi::PyObject_GC_Track(object.as_ptr().cast()) };
}

/// A tuple or a record that is filled while its values are made.
///
/// The garbage collector does not see it before it is whole, and never where no value is a container: such a row cannot be part of a
/// cycle, and to look at each of a large result is a good part of what its rows cost.
pub struct Row<'py, T = PyTuple> {
    row: Bound<'py, T>,
    /// The places of its values: so many, so many of them filled.
    items: *mut *mut ffi::PyObject,
    size: usize,
    filled: usize,
    containers: bool,
}

impl<'py> Row<'py> {
    #[inline]
    pub fn new(py: Python<'py>, size: usize) -> PyResult<Self> {
        // SAFETY: a new tuple, or null with an error set; PyObject_GC_UnTrack takes any object with a collector's head.
        unsafe {
            let made = ffi::PyTuple_New(size as ffi::Py_ssize_t);
            let row = Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked();
            if size > 0 {
                ffi::PyObject_GC_UnTrack(made.cast());
            }
            let items = (&raw mut (*made.cast::<ffi::PyTupleObject>()).ob_item).cast();
            Ok(Self::of(row, items, size))
        }
    }
}

impl<'py> Row<'py, PyAny> {
    /// A record of those names, which are as many; the class is the one of all records.
    #[inline]
    pub fn record(names: &Py<Names>, class: &Bound<'py, PyType>, size: usize) -> PyResult<Self> {
        let (row, items) = record_object::allocate(names, class, size)?;
        Ok(Self::of(row, items, size))
    }
}

impl<'py, T> Row<'py, T> {
    fn of(row: Bound<'py, T>, items: *mut *mut ffi::PyObject, size: usize) -> Self {
        Row {
            row,
            items,
            size,
            filled: 0,
            containers: false,
        }
    }

    #[inline]
    pub fn push(&mut self, value: Bound<'py, PyAny>) {
        self.containers |= is_container(&value);
        self.push_plain(value);
    }

    /// A value that is no container.
    #[inline]
    pub fn push_plain(&mut self, value: Bound<'py, PyAny>) {
        assert!(self.filled < self.size);
        // SAFETY: the row is new and nobody else's, the place is one of its own and empty; the reference goes to the row.
        unsafe { *self.items.add(self.filled) = value.into_ptr() };
        self.filled += 1;
    }

    #[inline]
    pub fn finish(self) -> Bound<'py, T> {
        let (row, containers) = self.untracked();
        if containers {
            track(row.as_any());
        }
        row
    }

    /// The row, and whether it is to be tracked: then it holds something, and so is not the one empty tuple.
    #[inline]
    pub fn untracked(self) -> (Bound<'py, T>, bool) {
        assert!(self.filled == self.size);
        (self.row, self.containers)
    }
}

/// Whether the collector may follow references of the object.
#[inline]
fn is_container(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object is alive, and so is its type.
    unsafe { ffi::PyType_IS_GC(ffi::Py_TYPE(object.as_ptr())) != 0 }
}
