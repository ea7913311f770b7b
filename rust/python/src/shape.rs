//! Instances of the Python classes that both implementations share, made without running their `__init__`, and their fields read.
//!
//! A message class is a dataclass with slots: each field is a pointer at a fixed offset, as the class's member descriptors tell. To
//! write and read it there is about three times as fast as calling the class, and as asking the descriptor.
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

/// A slotted class with `N` fields.
pub struct Shape<const N: usize> {
    class: Py<PyType>,
    slots: [Slot; N],
}

impl<const N: usize> Shape<N> {
    /// The class `name` of `module` with these fields.
    pub fn load(module: &Bound<'_, PyModule>, name: &str, fields: [&str; N]) -> PyResult<Self> {
        Shape::of(&module.getattr(name)?.cast_into::<PyType>()?, fields)
    }

    /// The class with these fields.
    pub fn of(class: &Bound<'_, PyType>, fields: [&str; N]) -> PyResult<Self> {
        let mut slots = Vec::with_capacity(N);
        for field in fields {
            slots.push(Slot::load(class, field)?);
        }
        let slots = slots
            .try_into()
            .map_err(|_| PyTypeError::new_err("fields lost"))?;
        Ok(Shape {
            class: class.clone().unbind(),
            slots,
        })
    }

    /// An instance with these values.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        values: [Bound<'py, PyAny>; N],
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the class is alive and has no `__new__` of its own; a null pointer becomes the pending exception.
        let instance = unsafe {
            let class = self.class.as_ptr().cast::<ffi::PyTypeObject>();
            Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class, 0))?
        };
        for (slot, value) in self.slots.iter().zip(values) {
            // SAFETY: the slots are those of the class, or of a class it is derived from; in a new instance they hold null, which needs no
            // release, and nobody else sees it yet.
            unsafe { slot.place(&instance).write(value.into_ptr()) };
        }
        Ok(instance)
    }
}

/// A slot of a class.
pub struct Slot {
    /// The class that defines it.
    class: Py<PyType>,
    /// Bytes from the beginning of an instance.
    offset: usize,
}

impl Slot {
    /// The slot `name` of `class`.
    pub fn load(class: &Bound<'_, PyType>, name: &str) -> PyResult<Self> {
        let member = class.getattr(name)?;
        let no_slot = || PyTypeError::new_err(format!("{name} is no slot"));
        // SAFETY: the type object is one of the interpreter's own, and lives as long as it.
        let kind =
            unsafe { PyType::from_borrowed_type_ptr(class.py(), &raw mut ffi::PyMemberDescr_Type) };
        if !member.get_type().is(&kind) {
            return Err(no_slot());
        }
        // SAFETY: `member` is a member descriptor, as was just seen: it has a definition, and the class that it is of.
        let (class, definition) = unsafe {
            let member = member.as_ptr().cast::<ffi::PyMemberDescrObject>();
            let class = PyType::from_borrowed_type_ptr(class.py(), (*member).d_common.d_type);
            (class, &*(*member).d_member.cast::<ffi::PyMemberDef>())
        };
        match usize::try_from(definition.offset) {
            Ok(offset) if definition.type_code == ffi::Py_T_OBJECT_EX => Ok(Slot {
                class: class.unbind(),
                offset,
            }),
            _ => Err(no_slot()),
        }
    }

    /// Where an instance has its pointer.
    ///
    /// # Safety
    /// `instance` is one of the class, or of a class derived from it.
    unsafe fn place(&self, instance: &Bound<'_, PyAny>) -> *mut *mut ffi::PyObject {
        // SAFETY: the class says that its instances have a pointer there; derived classes keep it.
        unsafe { instance.as_ptr().byte_add(self.offset).cast() }
    }

    /// Its value in `instance`.
    pub fn get<'py>(&self, instance: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = instance.py();
        if !instance.get_type().is(&self.class) && !instance.is_instance(self.class.bind(py))? {
            return Err(PyTypeError::new_err("not an instance of the slot's class"));
        }
        // SAFETY: the instance is one of the class; the pointer is null or that of a live object.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, *self.place(instance)) }
            .ok_or_else(|| PyAttributeError::new_err("the slot is empty"))
    }
}

/// An instance of a NamedTuple class with the values of `fields`.
pub fn named_tuple<'py>(
    class: &Bound<'py, PyType>,
    fields: Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let arguments = PyTuple::new(py, [fields])?;
    // SAFETY: `class` is a subclass of tuple without fields in C; tuple's `__new__` takes one iterable and returns a new reference or
    // null with an exception set.
    unsafe {
        let Some(new) = ffi::PyTuple_Type.tp_new else {
            return Err(PyTypeError::new_err("tuple has no __new__"));
        };
        let made = new(
            class.as_type_ptr(),
            arguments.as_ptr(),
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, made)
    }
}
