//! Instances of the Python classes that both implementations share, made without running their `__init__`.
//!
//! A message class is a dataclass with slots: its fields are member descriptors, whose setters are called directly. That is about
//! three times as fast as calling the class.
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

/// A slotted class with `N` fields.
pub struct Shape<const N: usize> {
    class: Py<PyType>,
    slots: [(Py<PyAny>, ffi::descrsetfunc); N],
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
            let member = class.getattr(field)?;
            // SAFETY: `member` is a live object, so is its type.
            let setter = unsafe { (*ffi::Py_TYPE(member.as_ptr())).tp_descr_set };
            let Some(setter) = setter else {
                return Err(PyTypeError::new_err(format!("{field} is no slot")));
            };
            slots.push((member.unbind(), setter));
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
        for ((member, setter), value) in self.slots.iter().zip(values) {
            // SAFETY: the setter is that of the member's type; it checks by itself that the instance is of the member's class.
            let status = unsafe { setter(member.as_ptr(), instance.as_ptr(), value.as_ptr()) };
            if status < 0 {
                return Err(PyErr::fetch(py));
            }
        }
        Ok(instance)
    }
}

/// A slot of a class, to be read.
pub struct Slot {
    member: Py<PyAny>,
    getter: ffi::descrgetfunc,
}

impl Slot {
    /// The slot `name` of `class`.
    pub fn load(class: &Bound<'_, PyType>, name: &str) -> PyResult<Self> {
        let member = class.getattr(name)?;
        // SAFETY: `member` is a live object, so is its type.
        let getter = unsafe { (*ffi::Py_TYPE(member.as_ptr())).tp_descr_get };
        match getter {
            Some(getter) => Ok(Slot {
                member: member.unbind(),
                getter,
            }),
            None => Err(PyTypeError::new_err(format!("{name} is no slot"))),
        }
    }

    /// Its value in `instance`.
    pub fn get<'py>(&self, instance: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = instance.py();
        // SAFETY: the getter is that of the member's type; it checks by itself that the instance is of the member's class, and returns a
        // new reference or null with an exception set.
        unsafe {
            let class = ffi::Py_TYPE(instance.as_ptr()).cast();
            let value = (self.getter)(self.member.as_ptr(), instance.as_ptr(), class);
            Bound::from_owned_ptr_or_err(py, value)
        }
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
