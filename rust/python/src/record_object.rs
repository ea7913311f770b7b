//! What a `Record` is in memory: one object with its values inside, as a tuple has them, which PyO3's classes cannot be.
//!
//! The class that Python sees is made here and derived from [`Record`], which holds the methods and has no state of its own.
use std::ffi::{c_int, c_void};

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use crate::record::{Names, Record};

#[repr(C)]
struct Parts {
    head: ffi::PyVarObject,
    /// Owned; a `Names`.
    names: *mut ffi::PyObject,
    weak_references: *mut ffi::PyObject,
    /// As many as the head's size says; owned, null until filled.
    items: [*mut ffi::PyObject; 0],
}

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The class `pgwire_py.Record`.
pub fn class<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    Ok(CLASS.get_or_try_init(py, || make_class(py))?.bind(py))
}

fn make_class(py: Python<'_>) -> PyResult<Py<PyType>> {
    let base = py.get_type::<Record>();
    let mut members = [
        ffi::PyMemberDef {
            name: c"__weaklistoffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: std::mem::offset_of!(Parts, weak_references) as ffi::Py_ssize_t,
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        },
        ffi::PyMemberDef::default(),
    ];
    // SAFETY: the base is alive; what the slots point at is copied, or is a function; the name is static. The result is a new
    // reference, or null with an error set.
    unsafe {
        let described = &*base.as_type_ptr();
        if described.tp_basicsize as usize != size_of::<ffi::PyObject>() {
            return Err(PySystemError::new_err(
                "the methods of Record have got a state",
            ));
        }
        let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
        let mut slots = [
            slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse as *mut c_void),
            slot(ffi::Py_tp_free, ffi::PyObject_GC_Del as *mut c_void),
            slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
            slot(ffi::Py_tp_doc, described.tp_doc.cast_mut().cast()),
            slot(0, std::ptr::null_mut()),
        ];
        let mut spec = ffi::PyType_Spec {
            name: c"pgwire_py.Record".as_ptr(),
            basicsize: size_of::<Parts>() as c_int,
            itemsize: size_of::<*mut ffi::PyObject>() as c_int,
            flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC) as _,
            slots: slots.as_mut_ptr(),
        };
        let bases = PyTuple::new(py, [&base])?;
        let made = ffi::PyType_FromSpecWithBases(&raw mut spec, bases.as_ptr());
        let made = Bound::from_owned_ptr_or_err(py, made)?;
        Ok(made.cast_into::<PyType>()?.unbind())
    }
}

/// A record without values, which the garbage collector does not see, and the place of its values.
#[inline]
pub fn allocate<'py>(
    names: &Py<Names>,
    class: &Bound<'py, PyType>,
    size: usize,
) -> PyResult<(Bound<'py, PyAny>, *mut *mut ffi::PyObject)> {
    let py = class.py();
    // SAFETY: the class is the one above, so a new object (or null with an error set) has room for its parts and that many values, all
    // of which are set before anybody sees it.
    unsafe {
        let parts: *mut Parts =
            ffi::PyObject_GC_NewVar(class.as_type_ptr(), size as ffi::Py_ssize_t);
        if parts.is_null() {
            return Err(PyErr::fetch(py));
        }
        (*parts).names = names.clone_ref(py).into_ptr();
        (*parts).weak_references = std::ptr::null_mut();
        let items = (&raw mut (*parts).items).cast::<*mut ffi::PyObject>();
        std::ptr::write_bytes(items, 0, size);
        Ok((Bound::from_owned_ptr(py, parts.cast()), items))
    }
}

fn parts(record: &Bound<'_, Record>) -> *mut Parts {
    record.as_ptr().cast()
}

/// How many values a record has.
#[inline]
pub fn size(record: &Bound<'_, Record>) -> usize {
    // SAFETY: only `allocate` makes a Record: its base has no constructor that makes one, and cannot be instantiated otherwise.
    unsafe { (*parts(record)).head.ob_size as usize }
}

#[inline]
pub fn names<'a>(record: &'a Bound<'_, Record>) -> &'a Names {
    // SAFETY: as above; a record has names from the start to the end.
    unsafe {
        Borrowed::from_ptr(record.py(), (*parts(record)).names)
            .cast_unchecked::<Names>()
            .get()
    }
}

/// The value at a position; None behind the last.
#[inline]
pub fn item<'py>(record: &Bound<'py, Record>, position: usize) -> Option<Bound<'py, PyAny>> {
    if position >= size(record) {
        return None;
    }
    // SAFETY: as above; the position is one of the record's own, and whoever sees a record sees it filled.
    unsafe {
        let items = (&raw mut (*parts(record)).items).cast::<*mut ffi::PyObject>();
        Some(Bound::from_borrowed_ptr(record.py(), *items.add(position)))
    }
}

unsafe extern "C" fn traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls it with a record that is alive; the values are the record's own.
    unsafe {
        let parts = object.cast::<Parts>();
        let mut answer = visit(ffi::Py_TYPE(object).cast(), argument);
        let items = (&raw mut (*parts).items).cast::<*mut ffi::PyObject>();
        for position in 0..(*parts).head.ob_size as usize {
            let item = *items.add(position);
            if answer == 0 && !item.is_null() {
                answer = visit(item, argument);
            }
        }
        answer
    }
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: CPython calls it once, when nobody refers to the record any more; every reference it owns is given up once.
    unsafe {
        let parts = object.cast::<Parts>();
        let class = ffi::Py_TYPE(object);
        let size = (*parts).head.ob_size as usize;
        let items = (&raw mut (*parts).items).cast::<*mut ffi::PyObject>();
        let containers = ffi::PyObject_GC_IsTracked(object) != 0;
        ffi::PyObject_GC_UnTrack(object.cast());
        if !(*parts).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        // Records within records, however deep, end as tuples do: those do not recurse without bound.
        let tuple = if containers && size > 0 {
            ffi::PyTuple_New(size as ffi::Py_ssize_t)
        } else {
            std::ptr::null_mut()
        };
        for position in 0..size {
            let item = *items.add(position);
            if tuple.is_null() {
                ffi::Py_XDECREF(item);
            } else {
                ffi::PyTuple_SET_ITEM(tuple, position as ffi::Py_ssize_t, item);
            }
        }
        if containers && size > 0 && tuple.is_null() {
            ffi::PyErr_Clear();
        }
        ffi::Py_XDECREF(tuple);
        ffi::Py_DECREF((*parts).names);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}
